/** A float32 matrix and its bias where the kernels of matvec.ts and spike-events.ts want them. */
import type { Kernels } from '../../kernels/kernels.ts';
import { paddedCount } from './row-blocks.ts';

export interface PackedWeights {
  readonly rows: number;
  readonly cols: number;
  readonly packedPtr: number;
  readonly biasPtr: number;
  /** Room for the product, [rows] and padding. */
  readonly outputPtr: number;
}

/**
 * @param weight [rows x cols], row-major
 * @param bias [rows]
 */
export function packWeights(
  { arena, exports: k }: Kernels,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
): PackedWeights {
  const rows = bias.length;
  const cols = weight.length / rows;
  const packedPtr = arena.allocate(paddedCount(rows) * cols);
  const biasPtr = arena.allocate(paddedCount(rows));
  const outputPtr = arena.allocate(paddedCount(rows));
  arena.float32(biasPtr, rows).set(bias);
  arena.borrow(() => {
    const weightPtr = arena.allocate(weight.length);
    arena.float32(weightPtr, weight.length).set(weight);
    k.packMatvec(packedPtr, weightPtr, rows, cols);
  });
  return { rows, cols, packedPtr, biasPtr, outputPtr };
}
