/** y = W x + b with float32 weights. */
import type { Kernels } from '../../kernels/kernels.ts';
import type { AffineMap } from './affine-map.ts';
import { paddedCount } from './row-blocks.ts';

export class Float32Map implements AffineMap {
  readonly rows: number;
  readonly cols: number;
  readonly outputPtr: number;
  private readonly kernels: Kernels;
  private readonly packedPtr: number;
  private readonly biasPtr: number;
  private readonly scratchPtr: number;

  /**
   * @param weight [rows x cols], row-major
   * @param bias [rows]
   */
  constructor(kernels: Kernels, weight: ArrayLike<number>, bias: ArrayLike<number>) {
    const { arena, exports: k } = kernels;
    this.kernels = kernels;
    this.rows = bias.length;
    this.cols = weight.length / this.rows;
    const weightPtr = arena.allocate(weight.length);
    this.packedPtr = arena.allocate(paddedCount(this.rows) * this.cols);
    this.biasPtr = arena.allocate(paddedCount(this.rows));
    this.outputPtr = arena.allocate(paddedCount(this.rows));
    this.scratchPtr = arena.allocate(this.cols);
    arena.float32(weightPtr, weight.length).set(weight);
    arena.float32(this.biasPtr, this.rows).set(bias);
    k.packMatvec(this.packedPtr, weightPtr, this.rows, this.cols);
  }

  apply(xPtr: number): void {
    const { exports: k } = this.kernels;
    k.matvecDense(this.outputPtr, this.packedPtr, xPtr, this.biasPtr, this.rows, this.cols);
  }

  applySparse(xPtr: number): void {
    const { exports: k } = this.kernels;
    const { outputPtr, packedPtr, biasPtr, rows, cols, scratchPtr } = this;
    k.matvecSparse(outputPtr, packedPtr, xPtr, biasPtr, rows, cols, scratchPtr);
  }
}
