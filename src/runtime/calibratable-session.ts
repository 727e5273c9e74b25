/** Whether the decoder of a session can be calibrated while it runs. */
import { BetzError } from '../core/errors.ts';
import type { Model } from '../decoders/decoder.ts';
import { expectOwnTruth } from './own-truth.ts';
import type { SessionDescription } from './sink.ts';

/** @throws BetzError CAL_TRUTH_MISSING, CAL_METHOD_UNSUPPORTED, CAL_CHANNELS_UNMATCHED */
export function expectCalibratable(
  { kind, features }: Model,
  { truth, output, isTruthComparable, channels }: SessionDescription,
): void {
  expectOwnTruth(output, truth, isTruthComparable);
  if (features.smoothing !== 0)
    throw new BetzError('CAL_METHOD_UNSUPPORTED', `a '${kind}' decoder cannot be calibrated while it runs`, {
      value: kind,
      tip: 'Record, and use `betz calibrate --decoder` for kinds that are fitted in closed form.',
    });
  // The decoder in service takes channels by their place: of another array it makes nothing, and neither would a candidate.
  const place = features.channelLabels.findIndex((label, channel) => label !== channels[channel].label);
  if (place < 0) return;
  throw new BetzError(
    'CAL_CHANNELS_UNMATCHED',
    `channel ${place + 1} of the source is '${channels[place].label}', where the model has '${features.channelLabels[place]}'`,
    {
      value: channels[place].label,
      tip: 'Bring the model to these channels first, with `betz calibrate --model` and a recording of them.',
    },
  );
}
