/** The decoder of a session: that of the model, or one that goes on adapting around it. */
import { adaptationOptions } from '../calibration/adaptive/adaptations.ts';
import type { Adaptation } from '../calibration/adaptive/adaptations.ts';
import { AdaptiveDecoder } from '../calibration/adaptive/adaptive-decoder.ts';
import type { Decoder, Model } from '../decoders/decoder.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import type { Kernels } from '../kernels/kernels.ts';

/** @throws BetzError those of `AdaptiveDecoder` and `createDecoder` */
export function createServingDecoder(
  model: Model,
  kernels: Kernels,
  adaptations: readonly Adaptation[],
): Decoder {
  const kind = findDecoderKind(model.kind);
  if (adaptations.length === 0) return kind.createDecoder(model, kernels);
  return new AdaptiveDecoder(model, kind, kernels, adaptationOptions(adaptations));
}
