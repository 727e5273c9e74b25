/** Which part of a recording is replayed. */
import { z } from 'zod';
import { BetzError } from '../../core/errors.ts';

/** A bin, or a fraction of all bins: 0.8 is the bin that calibration's test part begins with. */
export const replayPosition = z.union([
  z.int().min(0),
  z.strictObject({ fraction: z.number().min(0).max(1) }),
]);
export type ReplayPosition = z.output<typeof replayPosition>;

/** Rounds down, as the split of calibration does (calibration/splits.ts): the same bins are replayed as were tested. */
function binAtPosition(position: ReplayPosition, binCount: number): number {
  return typeof position === 'number' ? position : Math.floor(binCount * position.fraction);
}

/**
 * @returns bins [startBin, endBin)
 * @throws BetzError CFG_REPLAY_RANGE
 */
export function replayRange(
  from: ReplayPosition,
  to: ReplayPosition,
  binCount: number,
): { startBin: number; endBin: number } {
  const startBin = binAtPosition(from, binCount);
  const endBin = binAtPosition(to, binCount);
  if (startBin < endBin && endBin <= binCount) return { startBin, endBin };
  throw new BetzError(
    'CFG_REPLAY_RANGE',
    `there is nothing to replay from bin ${startBin} to bin ${endBin}`,
    {
      value: { startBin, endBin },
      tip: `The recording has ${binCount} bins: give a part of it, for example --from 80%.`,
    },
  );
}
