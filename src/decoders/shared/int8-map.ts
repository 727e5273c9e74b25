/**
 * y = W x + b with int8 weights, a scale per row, and the input rounded to 16 bits at every step
 * (kernels/exports/matvec-int8.ts).
 */
import type { Kernels } from '../../kernels/kernels.ts';
import type { Int8Rows } from '../decoder.ts';
import type { AffineMap } from './affine-map.ts';
import { paddedCount } from './row-blocks.ts';

export class Int8Map implements AffineMap {
  readonly rows: number;
  readonly cols: number;
  readonly outputPtr: number;
  private readonly kernels: Kernels;
  private readonly packedPtr: number;
  private readonly rowScalesPtr: number;
  private readonly biasPtr: number;
  private readonly scratchPtr: number;

  /**
   * @param weight values [rows x cols], scales [rows]
   * @param bias [rows]
   */
  constructor(kernels: Kernels, { values, scales }: Int8Rows, bias: ArrayLike<number>) {
    const { arena, exports: k } = kernels;
    this.kernels = kernels;
    this.rows = bias.length;
    this.cols = values.length / this.rows;
    const evenCols = this.cols + (this.cols % 2);
    this.packedPtr = arena.allocateBytes(paddedCount(this.rows) * evenCols);
    this.rowScalesPtr = arena.allocate(paddedCount(this.rows));
    this.biasPtr = arena.allocate(paddedCount(this.rows));
    this.outputPtr = arena.allocate(paddedCount(this.rows));
    this.scratchPtr = arena.allocate(evenCols);
    arena.float32(this.rowScalesPtr, this.rows).set(scales);
    arena.float32(this.biasPtr, this.rows).set(bias);
    arena.borrow(() => {
      const weightPtr = arena.allocateBytes(values.length);
      new Int8Array(arena.memory.buffer, weightPtr, values.length).set(values);
      k.packInt8(this.packedPtr, weightPtr, this.rows, this.cols);
    });
  }

  apply(xPtr: number): void {
    const { exports: k } = this.kernels;
    const { outputPtr, packedPtr, rowScalesPtr, biasPtr, rows, cols, scratchPtr } = this;
    k.matvecInt8(outputPtr, packedPtr, rowScalesPtr, xPtr, biasPtr, rows, cols, scratchPtr);
  }

  applySparse(xPtr: number): void {
    const { exports: k } = this.kernels;
    const { outputPtr, packedPtr, rowScalesPtr, biasPtr, rows, cols, scratchPtr } = this;
    k.matvecInt8Sparse(outputPtr, packedPtr, rowScalesPtr, xPtr, biasPtr, rows, cols, scratchPtr);
  }
}

/** The same of a scaled input, y = W (gains * x) + b: a scale per column cannot be folded into a scale per row. */
export class ScaledInputMap implements AffineMap {
  readonly rows: number;
  readonly cols: number;
  readonly outputPtr: number;
  private readonly kernels: Kernels;
  private readonly map: Int8Map;
  private readonly gainsPtr: number;
  private readonly scaledPtr: number;

  /** @param gains [cols] */
  constructor(kernels: Kernels, weight: Int8Rows, bias: ArrayLike<number>, gains: Float32Array) {
    const { arena } = kernels;
    this.kernels = kernels;
    this.map = new Int8Map(kernels, weight, bias);
    this.rows = this.map.rows;
    this.cols = this.map.cols;
    this.outputPtr = this.map.outputPtr;
    this.gainsPtr = arena.allocate(this.cols);
    this.scaledPtr = arena.allocate(this.cols);
    arena.float32(this.gainsPtr, this.cols).set(gains);
  }

  apply(xPtr: number): void {
    this.scale(xPtr);
    this.map.apply(this.scaledPtr);
  }

  applySparse(xPtr: number): void {
    this.scale(xPtr);
    this.map.applySparse(this.scaledPtr);
  }

  private scale(xPtr: number): void {
    this.kernels.exports.multiply(this.scaledPtr, xPtr, this.gainsPtr, this.cols);
  }
}
