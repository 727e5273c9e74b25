/** How well a model decodes a part of a recording, offline. */
import { decodeRange } from '../calibration/decode-range.ts';
import { decodingMetrics } from '../calibration/metrics.ts';
import type { DecodingMetrics } from '../calibration/metrics.ts';
import type { BinRange } from '../calibration/splits.ts';
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { loadKernels } from '../host/load-kernels.ts';

/** @throws BetzError DEC_OUTPUT_MISMATCH, CAL_TARGET_CONSTANT */
export function scoreModel(model: Model, recording: BinnedRecording, range: BinRange): DecodingMetrics {
  checkComparable(model, recording);
  const decoder = findDecoderKind(model.kind).createDecoder(model, loadKernels());
  return decodingMetrics(recording.target, decodeRange(decoder, model, recording, range), range);
}

/** The same quantities in the same order and unit, or R2 means nothing. @throws BetzError DEC_OUTPUT_MISMATCH */
function checkComparable({ output }: Model, { target }: BinnedRecording): void {
  const describe = ({ name, labels, unit }: Model['output']): string =>
    `${name} ${labels.join(', ')} in ${unit}`;
  if (describe(output) === describe(target)) return;
  throw new BetzError(
    'DEC_OUTPUT_MISMATCH',
    `the model decodes ${describe(output)}, and the recording has ${describe(target)}`,
    { value: describe(target), tip: 'Calibrate a model on this behaviour.' },
  );
}
