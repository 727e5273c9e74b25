/** A decoder in service in the loop: smooths the counts as its model says and decodes bin after bin. */
import type { Decoder, Model } from '../decoders/decoder.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { loadKernels } from '../host/load-kernels.ts';
import type { LoopLog } from './loop-log.ts';

/** What a fresh decoder has read when it takes over, so that it does so with a state: as a swap between two bins would. */
const WARM_UP_BINS = 100;

export class LoopDecoder {
  private readonly decoder: Decoder;
  private readonly smoothing: number;
  private readonly features: Float32Array;
  private readonly output: Float32Array;

  constructor(model: Model, log: LoopLog) {
    this.decoder = findDecoderKind(model.kind).createDecoder(model, loadKernels());
    this.smoothing = model.features.smoothing;
    this.features = new Float32Array(this.decoder.inputCount);
    this.output = new Float32Array(this.decoder.outputCount);
    const ignored = new Float64Array(this.output.length);
    for (let bin = Math.max(0, log.binCount - WARM_UP_BINS); bin < log.binCount; bin++) {
      this.step(log.countsOf(bin), ignored);
    }
  }

  /** @param velocity in m/s; written */
  step(counts: Float32Array, velocity: Float64Array): void {
    const { features, smoothing } = this;
    for (let i = 0; i < features.length; i++) {
      features[i] = smoothing * features[i] + (1 - smoothing) * counts[i];
    }
    this.decoder.step(features, this.output);
    velocity.set(this.output);
  }
}
