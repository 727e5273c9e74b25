/** y = W x + b in a streaming step: weights packed once, everything at a fixed place. */
import type { Kernels } from '../../kernels/kernels.ts';
import type { Model } from '../decoder.ts';
import { biasOf, foldInput, foldOutput } from './folded-maps.ts';

/** Rows of a packed matrix-vector product come in blocks of this size. */
const ROW_BLOCK = 24;

export class AffineMap {
  readonly rows: number;
  readonly cols: number;
  /** Where y stands, [rows] and padding. */
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
    const paddedRows = Math.ceil(this.rows / ROW_BLOCK) * ROW_BLOCK;
    const weightPtr = arena.allocate(weight.length);
    this.packedPtr = arena.allocate(paddedRows * this.cols);
    this.biasPtr = arena.allocate(paddedRows);
    this.outputPtr = arena.allocate(paddedRows);
    this.scratchPtr = arena.allocate(this.cols);
    arena.float32(weightPtr, weight.length).set(weight);
    arena.float32(this.biasPtr, this.rows).set(bias);
    k.packMatvec(this.packedPtr, weightPtr, this.rows, this.cols);
  }

  /** @param xPtr [cols] */
  apply(xPtr: number): void {
    const { exports: k } = this.kernels;
    k.matvecDense(this.outputPtr, this.packedPtr, xPtr, this.biasPtr, this.rows, this.cols);
  }

  /** The same, and zeros in x cost nothing. @param xPtr [cols] */
  applySparse(xPtr: number): void {
    const { exports: k } = this.kernels;
    const { outputPtr, packedPtr, biasPtr, rows, cols, scratchPtr } = this;
    k.matvecSparse(outputPtr, packedPtr, xPtr, biasPtr, rows, cols, scratchPtr);
  }
}

/** A map of a model as it is. @param biasName undefined: no bias */
export function denseMap(kernels: Kernels, model: Model, weightName: string, biasName?: string): AffineMap {
  const { data, shape } = model.tensors[weightName];
  return new AffineMap(kernels, data, biasOf(model, shape[0], biasName));
}

/** A decoder's first map, from raw features: channels without a spike cost nothing (`applySparse`). */
export function inputMap(kernels: Kernels, model: Model, weightName: string, biasName?: string): AffineMap {
  const { weight, bias } = foldInput(model, weightName, biasName);
  return new AffineMap(kernels, weight.data, bias.data);
}

/** A decoder's last map, to outputs in the model's unit: rows scaled, means added. */
export function outputMap(kernels: Kernels, model: Model, weightName: string, biasName?: string): AffineMap {
  const { weight, bias } = foldOutput(model, weightName, biasName);
  return new AffineMap(kernels, weight.data, bias.data);
}
