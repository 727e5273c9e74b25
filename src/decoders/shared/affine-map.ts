/** y = W x + b in a streaming step: weights packed once, everything at a fixed place. */
import type { Kernels } from '../../kernels/kernels.ts';
import type { Model } from '../decoder.ts';

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
  /** [rows], y */
  private readonly output: Float32Array;

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
    this.output = arena.float32(this.outputPtr, this.rows);
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

  /**
   * The same for an x of spikes: b and the columns of neurons that fired are added, and nothing is multiplied.
   * @param listPtr int32 numbers of those neurons, each as often as it fired
   * @param spikeCount length of the list; -1 (a membrane is NaN) makes y NaN
   */
  applySpikes(listPtr: number, spikeCount: number): void {
    if (spikeCount < 0) {
      this.output.fill(Number.NaN);
      return;
    }
    const { exports: k } = this.kernels;
    const { outputPtr, packedPtr, biasPtr, rows, cols } = this;
    k.matvecSpikes(outputPtr, packedPtr, biasPtr, listPtr, spikeCount, rows, cols);
  }
}

/** A map of a model as it is. @param biasName undefined: no bias */
export function denseMap(kernels: Kernels, model: Model, weightName: string, biasName?: string): AffineMap {
  const { data, shape } = model.tensors[weightName];
  return new AffineMap(kernels, data, biasOf(model, shape[0], biasName));
}

/**
 * A decoder's first map, from raw features: with normalised features (x - mean) scale, W (x - mean) scale + b is
 * (W scale) x + (b - (W scale) mean), so raw counts go in and channels without a spike cost nothing (`applySparse`).
 */
export function inputMap(kernels: Kernels, model: Model, weightName: string, biasName?: string): AffineMap {
  const { featureMean, featureScale } = model.normalisation;
  const { data, shape } = model.tensors[weightName];
  const cols = shape[1];
  const folded = Float32Array.from(data, (w, i) => w * featureScale[i % cols]);
  const offsets = Float32Array.from(biasOf(model, shape[0], biasName), (b, row) => {
    let offset = b;
    for (let i = 0; i < cols; i++) offset -= folded[row * cols + i] * featureMean[i];
    return offset;
  });
  return new AffineMap(kernels, folded, offsets);
}

/** A decoder's last map, to outputs in the model's unit: rows scaled, means added. */
export function outputMap(kernels: Kernels, model: Model, weightName: string, biasName?: string): AffineMap {
  const { outputMean, outputScale } = model.normalisation;
  const { data, shape } = model.tensors[weightName];
  const cols = shape[1];
  return new AffineMap(
    kernels,
    Float32Array.from(data, (w, i) => w * outputScale[Math.floor(i / cols)]),
    Float32Array.from(biasOf(model, shape[0], biasName), (b, row) => b * outputScale[row] + outputMean[row]),
  );
}

function biasOf(model: Model, rows: number, name: string | undefined): Float32Array {
  return name === undefined ? new Float32Array(rows) : model.tensors[name].data;
}
