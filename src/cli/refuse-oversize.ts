/** Sizes that are asked for, and more than the data or the model have. */
import { matrixNames } from '../calibration/step-plan.ts';
import type { Model } from '../decoders/decoder.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { usageError } from './failure.ts';

/** @param channelCount the most that a session has @throws BetzError CFG_USAGE */
export function refuseLatents(latents: number | undefined, channelCount: number): void {
  if (latents === undefined || latents <= channelCount) return;
  throw usageError(
    `--latents asks for more latents than the ${channelCount} channels that they are made of`,
    latents,
    `Give ${channelCount} at most.`,
  );
}

/** A change of a higher rank than its matrix is no smaller than the matrix. @throws BetzError CFG_USAGE */
export function refuseRank(rank: number | undefined, { kind, config, shape, tensors }: Model): void {
  const decoderKind = findDecoderKind(kind);
  if (rank === undefined || decoderKind.training !== 'gradient') return; // the others are refused for their kind
  const names = [...matrixNames(decoderKind, { config, shape })];
  const most = Math.max(...names.map((name) => Math.min(...tensors[name].shape)));
  if (rank <= most) return;
  throw usageError(
    `--rank asks for changes of a higher rank than any matrix of this model has, ${most}`,
    rank,
    `Give ${most} at most, or --method full to change all weights; 4 is usual.`,
  );
}
