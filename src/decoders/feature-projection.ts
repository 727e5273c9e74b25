/**
 * A linear map of normalised features, computed from raw ones: W z + offset with z = (x - mean) scale becomes
 * (W scale) x + (offset - W scale mean), so that the many zero counts of a bin cost nothing. The kernel adds in
 * float32; folding is done in float64. NaN or infinity in any feature reaches every row, also that of an ignored
 * channel (0 times NaN is NaN): a fault in the features is never hidden.
 */
import type { Kernels } from '../kernels/kernels.ts';
import type { Normalisation } from './decoder.ts';
import { watched } from './shared/decoder-maps.ts';
import type { AffineMap } from './shared/affine-map.ts';
import { Float32Map } from './shared/float32-map.ts';

export class FeatureProjection {
  /** What `project` computed. [rowCount] */
  readonly values: Float32Array;
  private readonly map: AffineMap;
  private readonly features: Float32Array;
  private readonly featuresPtr: number;

  /**
   * @param name of the map, for accounting
   * @param weights W, [rowCount x inputCount], for normalised features
   * @param offsets [rowCount]
   */
  constructor(
    kernels: Kernels,
    name: string,
    normalisation: Pick<Normalisation, 'featureMean' | 'featureScale'>,
    weights: Float64Array,
    offsets: Float64Array,
  ) {
    const { featureMean, featureScale } = normalisation;
    const inputCount = featureMean.length;
    const folded = weights.map((w, i) => w * featureScale[i % inputCount]);
    const foldedOffsets = offsets.map((offset, row) => {
      for (let i = 0; i < inputCount; i++) offset -= folded[row * inputCount + i] * featureMean[i];
      return offset;
    });
    this.map = watched(kernels, name, new Float32Map(kernels, folded, foldedOffsets));
    this.featuresPtr = kernels.arena.allocate(inputCount);
    this.features = kernels.arena.float32(this.featuresPtr, inputCount);
    this.values = kernels.arena.float32(this.map.outputPtr, offsets.length);
  }

  /** @param features raw, [inputCount]; not kept */
  project(features: Float32Array): void {
    this.features.set(features);
    this.map.applySparse(this.featuresPtr);
  }
}
