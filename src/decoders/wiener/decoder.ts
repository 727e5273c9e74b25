/**
 * The Wiener filter in streaming: when a bin comes in, its share of this output and of the next n - 1 outputs is
 * computed in one matrix-vector product and added to what earlier bins left for them. That is the same sum as over a
 * ring of the last n feature vectors, but it looks at each bin once, and skips its zeros once.
 *
 * State (little-endian as on every host that runs WebAssembly): float64 pending[n - 1][outputCount], pending[l] being
 * what the bins so far contribute to the output l + 1 bins ahead; zeros when fresh. A NaN leaves it after n bins.
 */
import type { Kernels } from '../../kernels/kernels.ts';
import type { Decoder, Model } from '../decoder.ts';
import { FeatureProjection } from '../feature-projection.ts';

export class WienerDecoder implements Decoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  private readonly projection: FeatureProjection;
  /** Output of an average bin. [outputCount] */
  private readonly constant: Float64Array;
  private readonly pending: Float64Array;
  private readonly pendingBytes: Uint8Array;

  constructor(model: Model, lagCount: number, kernels: Kernels) {
    const { inputCount, outputCount } = model.shape;
    const { outputMean, outputScale } = model.normalisation;
    const weight = model.tensors['weight'].data;
    const bias = model.tensors['bias'].data;
    this.inputCount = inputCount;
    this.outputCount = outputCount;
    this.constant = kernels.arena.allocateFloat64(outputCount);
    for (let o = 0; o < outputCount; o++) this.constant[o] = bias[o] * outputScale[o] + outputMean[o];

    // Rows ordered by lag, then output; scaled to the output's unit.
    const rows = new Float64Array(lagCount * outputCount * inputCount);
    for (let lag = 0; lag < lagCount; lag++) {
      for (let o = 0; o < outputCount; o++) {
        for (let i = 0; i < inputCount; i++) {
          rows[(lag * outputCount + o) * inputCount + i] =
            weight[(o * lagCount + lag) * inputCount + i] * outputScale[o];
        }
      }
    }
    const offsets = new Float64Array(lagCount * outputCount);
    this.projection = new FeatureProjection(kernels, 'weight', model.normalisation, rows, offsets);
    this.pending = kernels.arena.allocateFloat64((lagCount - 1) * outputCount);
    this.pendingBytes = new Uint8Array(this.pending.buffer, this.pending.byteOffset, this.pending.byteLength);
    this.stateBytes = this.pendingBytes.byteLength;
  }

  step(features: Float32Array, output: Float32Array): void {
    const { pending, constant, outputCount } = this;
    this.projection.project(features);
    const shares = this.projection.values;
    for (let o = 0; o < outputCount; o++) {
      output[o] = constant[o] + shares[o] + (pending.length > 0 ? pending[o] : 0);
    }
    for (let i = 0; i < pending.length; i++) {
      const next = i + outputCount;
      pending[i] = shares[next] + (next < pending.length ? pending[next] : 0);
    }
  }

  reset(): void {
    this.pending.fill(0);
  }

  saveState(into: Uint8Array): void {
    into.set(this.pendingBytes);
  }

  loadState(from: Uint8Array): void {
    this.pendingBytes.set(from);
  }
}
