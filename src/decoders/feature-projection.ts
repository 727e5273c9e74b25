/**
 * A linear map of normalised features, computed from raw ones: W z + offset with z = (x - mean) scale becomes
 * (W scale) x + (offset - W scale mean), so that the many zero counts of a bin cost nothing. The kernel adds in
 * float32; folding is done in float64. NaN or infinity in any feature reaches every row, also that of an ignored
 * channel (0 times NaN is NaN): a fault in the features is never hidden.
 */
import type { Kernels } from '../kernels/kernels.ts';
import type { Normalisation } from './decoder.ts';

const ROW_BLOCK = 24; // packMatvec's row padding

export class FeatureProjection {
  /** What `project` computed. [rowCount] */
  readonly values: Float32Array;
  private readonly features: Float32Array;
  private readonly kernels: Kernels;
  private readonly valuesPtr: number;
  private readonly weightsPtr: number;
  private readonly featuresPtr: number;
  private readonly offsetsPtr: number;
  private readonly scratchPtr: number;

  /**
   * @param weights W, [rowCount x inputCount], for normalised features
   * @param offsets [rowCount]
   */
  constructor(
    kernels: Kernels,
    normalisation: Pick<Normalisation, 'featureMean' | 'featureScale'>,
    weights: Float64Array,
    offsets: Float64Array,
  ) {
    const { arena } = kernels;
    const inputCount = normalisation.featureMean.length;
    const rowCount = offsets.length;
    const paddedRowCount = Math.ceil(rowCount / ROW_BLOCK) * ROW_BLOCK;
    const rawWeightsPtr = arena.allocate(rowCount * inputCount);
    this.kernels = kernels;
    this.weightsPtr = arena.allocate(paddedRowCount * inputCount);
    this.offsetsPtr = arena.allocate(paddedRowCount);
    this.valuesPtr = arena.allocate(paddedRowCount);
    this.featuresPtr = arena.allocate(inputCount);
    this.scratchPtr = arena.allocate(inputCount);
    this.values = arena.float32(this.valuesPtr, rowCount);
    this.features = arena.float32(this.featuresPtr, inputCount);

    const rawWeights = arena.float32(rawWeightsPtr, rowCount * inputCount);
    const rawOffsets = arena.float32(this.offsetsPtr, rowCount);
    for (let row = 0; row < rowCount; row++) {
      let offset = offsets[row];
      for (let input = 0; input < inputCount; input++) {
        const index = row * inputCount + input;
        const folded = weights[index] * normalisation.featureScale[input];
        rawWeights[index] = folded;
        offset -= folded * normalisation.featureMean[input];
      }
      rawOffsets[row] = offset;
    }
    kernels.exports.packMatvec(this.weightsPtr, rawWeightsPtr, rowCount, inputCount);
  }

  /** @param features raw, [inputCount]; not kept */
  project(features: Float32Array): void {
    this.features.set(features);
    this.kernels.exports.matvecSparse(
      this.valuesPtr,
      this.weightsPtr,
      this.featuresPtr,
      this.offsetsPtr,
      this.values.length,
      this.features.length,
      this.scratchPtr,
    );
  }
}
