/** Recording files as the commands use them. */
import { sessionLagMs } from '../calibration/session/session-provenance.ts';
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording, Recording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { binRecording } from '../recording/bin-recording.ts';
import { openRecording } from '../recording/open-recording.ts';

export interface RecordingOptions {
  target?: string;
  binMs?: number;
  lagMs?: number;
}

/** Opens and bins a recording. @throws BetzError LOG_* */
export function openBinnedRecording(path: string, options: RecordingOptions): BinnedRecording {
  return binRecording(openRecording(path), {
    ...(options.target === undefined ? {} : { targetName: options.target }),
    ...(options.binMs === undefined ? {} : { binMs: options.binMs }),
    ...(options.lagMs === undefined ? {} : { lagMs: options.lagMs }),
  });
}

/**
 * Opens a recording that the model is to decode, in the model's bins and, unless another is given, with its lag.
 * @throws BetzError DEC_CHANNEL_COUNT_MISMATCH, DEC_BIN_MISMATCH, DEC_OUTPUT_MISMATCH, LOG_*
 */
export function openForModel(
  path: string,
  model: Model,
  targetName = model.output.name,
  lagMs = lagOf(model),
): BinnedRecording {
  const recording = openRecording(path);
  const channelCount = recording.channels.length;
  if (channelCount !== model.shape.inputCount) {
    throw new BetzError(
      'DEC_CHANNEL_COUNT_MISMATCH',
      `the model decodes ${model.shape.inputCount} channels, and the recording has ${channelCount}`,
      { value: channelCount, tip: 'Use a model that was calibrated on this array, or calibrate one.' },
    );
  }
  return binForModel(recording, model, targetName, lagMs);
}

/** The neural lag that the model was trained with: what it puts out is the behaviour so much later. */
export function lagOf(model: Model): number {
  return sessionLagMs(model, {});
}

/** Opens a session's recording in the model's bins and with its lag, whatever its channels are. @throws BetzError DEC_BIN_MISMATCH, DEC_OUTPUT_MISMATCH, LOG_* */
export function openSessionForModel(
  path: string,
  model: Model,
  targetName = model.output.name,
): BinnedRecording {
  return binForModel(openRecording(path), model, targetName, lagOf(model));
}

function binForModel(recording: Recording, model: Model, targetName: string, lagMs: number): BinnedRecording {
  try {
    return binRecording(recording, { targetName, binMs: model.binMs, lagMs });
  } catch (cause) {
    if (!(cause instanceof BetzError)) throw cause;
    if (cause.code === 'LOG_TARGET_UNKNOWN' && targetName === model.output.name)
      throw targetMissing(recording, targetName, cause);
    if (cause.code !== 'LOG_BIN_WIDTH') throw cause;
    throw new BetzError(
      'DEC_BIN_MISMATCH',
      `the model decodes bins of ${model.binMs} ms, and ${cause.message}`,
      { value: model.binMs, tip: 'Use a model that was calibrated on such bins, or calibrate one.', cause },
    );
  }
}

/** What the model decodes is not there to compare with. */
function targetMissing({ name, behaviour }: Recording, targetName: string, cause: BetzError): BetzError {
  const names = behaviour.map((each) => each.name).join(', ');
  return new BetzError(
    'DEC_OUTPUT_MISMATCH',
    `the model decodes ${targetName}, and the recording '${name}' has ${names === '' ? 'no behaviour' : names}`,
    {
      value: names,
      tip: 'Use a recording that has what the model decodes, or calibrate a model on one of these (--target).',
      cause,
    },
  );
}
