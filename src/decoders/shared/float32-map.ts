/** y = W x + b with float32 weights. */
import type { Kernels } from '../../kernels/kernels.ts';
import type { AffineMap } from './affine-map.ts';
import { packWeights } from './packed-weights.ts';
import type { PackedWeights } from './packed-weights.ts';

export class Float32Map implements AffineMap {
  readonly rows: number;
  readonly cols: number;
  readonly outputPtr: number;
  private readonly kernels: Kernels;
  private readonly weights: PackedWeights;
  private readonly scratchPtr: number;

  /**
   * @param weight [rows x cols], row-major
   * @param bias [rows]
   */
  constructor(kernels: Kernels, weight: ArrayLike<number>, bias: ArrayLike<number>) {
    this.kernels = kernels;
    this.weights = packWeights(kernels, weight, bias);
    this.rows = this.weights.rows;
    this.cols = this.weights.cols;
    this.outputPtr = this.weights.outputPtr;
    this.scratchPtr = kernels.arena.allocate(this.cols);
  }

  apply(xPtr: number): void {
    const { exports: k } = this.kernels;
    const { outputPtr, packedPtr, biasPtr, rows, cols } = this.weights;
    k.matvecDense(outputPtr, packedPtr, xPtr, biasPtr, rows, cols);
  }

  applySparse(xPtr: number): void {
    const { exports: k } = this.kernels;
    const { outputPtr, packedPtr, biasPtr, rows, cols } = this.weights;
    k.matvecSparse(outputPtr, packedPtr, xPtr, biasPtr, rows, cols, this.scratchPtr);
  }
}
