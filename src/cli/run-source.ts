/** From the options of `betz run` to a source, and to the data that a decoder is calibrated on when no model is given. */
import { frameAfter, simulateRecording } from '../acquisition/simulated/simulate-recording.ts';
import { LAG_MAX_FRAMES } from '../acquisition/simulated/simulated-array.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import type { SessionOptions } from '../runtime/session-parts.ts';
import { usageError } from './failure.ts';
import { lagOf, openBinnedRecording, openForModel } from './open-data.ts';

export interface RunSourceOptions {
  source?: string;
  recording?: string;
  target?: string;
  from?: number;
  speed: number | 'max';
  duration?: number;
  binMs?: number;
  channels?: number;
  day?: number;
  seed: number;
}

export interface RunSource {
  /** For the session. */
  worker: SessionOptions['source'];
  /** As shown to the user. */
  name: string;
  /** Of data; without end where none is set. */
  seconds: number;
  /** What to calibrate on. */
  calibrationData(): BinnedRecording;
}

/** Simulated seconds that `betz run` calibrates on, and the bin width it uses there. */
const CALIBRATION_SECONDS = 120;
const SIMULATED_BIN_MS = 20;
/** Calibration never sees what follows this share of a recording. */
const FIRST_UNSEEN = 0.8;

/**
 * @param model that will decode; undefined when one is calibrated first
 * @throws BetzError CFG_USAGE, DEC_CHANNEL_COUNT_MISMATCH, DEC_BIN_MISMATCH, LOG_*
 */
export function chooseSource(options: RunSourceOptions, model: Model | undefined): RunSource {
  const source = options.source ?? (options.recording === undefined ? 'simulated' : 'replay');
  if (source === 'replay') return replaySource(options, model);
  if (source !== 'simulated') {
    throw usageError(`there is no source '${source}'`, source, "Choose 'simulated' or 'replay'.");
  }
  refuse(options, ['recording', 'from', 'target'], 'replay');
  return simulatedSource(options, model);
}

function simulatedSource(options: RunSourceOptions, model: Model | undefined): RunSource {
  const { seed, speed, duration } = options;
  const array = { seed, day: options.day ?? 0, channelCount: options.channels ?? 96 };
  const binMs = model?.binMs ?? options.binMs ?? SIMULATED_BIN_MS;
  refuseShorterThanBin(duration, binMs);
  const lagMs = model === undefined ? 0 : Math.round(lagOf(model)); // a frame is a millisecond
  if (Math.abs(lagMs) > LAG_MAX_FRAMES)
    throw usageError(
      `the simulated array knows its movement ${LAG_MAX_FRAMES} ms ahead, and the model has a lag of ${lagMs} ms`,
      lagMs,
      'Replay a recording (--recording), or give a model with a smaller --lag-ms.',
    );
  return {
    worker: {
      kind: 'simulated',
      config: {
        array,
        lagMs,
        startFrame: frameAfter(CALIBRATION_SECONDS),
        speed,
        ...(duration === undefined ? {} : { frameCount: frameAfter(duration) }),
      },
    },
    name:
      `simulated array, ${array.channelCount} channels, seed ${seed}, day ${array.day}` +
      (lagMs === 0 ? '' : `, the hand ${Math.abs(lagMs)} ms ${lagMs > 0 ? 'later' : 'earlier'}`),
    seconds: duration ?? Infinity,
    calibrationData: () => simulateRecording(array, CALIBRATION_SECONDS, binMs),
  };
}

function replaySource(options: RunSourceOptions, model: Model | undefined): RunSource {
  refuse(options, ['channels', 'day'], 'simulated');
  const { recording: path, speed, duration } = options;
  if (path === undefined) {
    throw usageError('a replay needs a recording', undefined, 'Add --recording FILE.');
  }
  const recording =
    model === undefined ? openBinnedRecording(path, options) : openForModel(path, model, options.target);
  refuseShorterThanBin(duration, recording.binMs);
  const from = options.from ?? (model === undefined ? FIRST_UNSEEN : 0);
  const firstBin = Math.floor(recording.binCount * from);
  const endBin =
    duration === undefined
      ? recording.binCount
      : Math.min(recording.binCount, firstBin + Math.round((duration * 1000) / recording.binMs));
  return {
    worker: { kind: 'replay', config: { recording: toShared(recording), from: firstBin, to: endBin, speed } },
    name: path,
    seconds: ((endBin - firstBin) * recording.binMs) / 1000,
    calibrationData: () => recording,
  };
}

function refuseShorterThanBin(duration: number | undefined, binMs: number): void {
  if (duration === undefined || duration * 1000 >= binMs) return;
  throw usageError(
    `--duration is shorter than a bin of ${binMs} ms`,
    duration,
    'Give seconds, for example 60.',
  );
}

/** Options of one source mean nothing to the other: say so instead of ignoring them. */
function refuse(options: RunSourceOptions, names: readonly (keyof RunSourceOptions)[], owner: string): void {
  for (const name of names) {
    if (options[name] === undefined) continue;
    throw usageError(
      `--${name} belongs to --source ${owner}`,
      options[name],
      `Leave it out, or add --source ${owner}.`,
    );
  }
}

/** The big arrays on shared memory: the source's thread reads them without a copy. */
function toShared(recording: BinnedRecording): BinnedRecording {
  const share = (values: Float32Array): Float32Array => {
    const shared = new Float32Array(new SharedArrayBuffer(values.byteLength));
    shared.set(values);
    return shared;
  };
  return {
    ...recording,
    features: share(recording.features),
    target: { ...recording.target, values: share(recording.target.values) },
  };
}
