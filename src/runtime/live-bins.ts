/** Bins of a running session with their behaviour, gathered until there are enough to calibrate on. */
import { assert } from '../core/errors.ts';
import type { BinnedRecording, Segment } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import type { BinRecord } from './sink.ts';

export class LiveBins {
  private readonly model: Model;
  private readonly capacity: number;
  /** [capacity x inputCount], so that the memory is taken before the session runs. */
  private readonly features: Float32Array;
  /** [capacity x outputCount] */
  private readonly truth: Float32Array;
  /** [capacity x outputCount], of the decoder in service */
  private readonly output: Float32Array;
  private readonly starts: number[] = [];
  private count = 0;
  private lastBin = Number.NaN;

  /** @param model in service: the stream's channels and behaviour are its own, in its order */
  constructor(model: Model, capacity: number) {
    this.model = model;
    this.capacity = capacity;
    this.features = new Float32Array(capacity * model.shape.inputCount);
    this.truth = new Float32Array(capacity * model.shape.outputCount);
    this.output = new Float32Array(capacity * model.shape.outputCount);
  }

  get isFull(): boolean {
    return this.count === this.capacity;
  }

  /** Collected so far. */
  get seconds(): number {
    return (this.count * this.model.binMs) / 1000;
  }

  /** A bin with numbers that are not finite is left out, and what follows does not continue what came before it. */
  take({ binIndex, isJoin, features, truth, output }: BinRecord): void {
    assert(!this.isFull, 'there is room for another bin');
    if (!features.every(Number.isFinite) || !truth.every(Number.isFinite)) return;
    if (isJoin || binIndex !== this.lastBin + 1) this.starts.push(this.count);
    this.features.set(features, this.count * features.length);
    this.truth.set(truth, this.count * truth.length);
    this.output.set(output, this.count * output.length);
    this.lastBin = binIndex;
    this.count++;
  }

  /** What the decoder in service said in the collected bins. [bins x outputCount] */
  outputs(): Float32Array {
    return this.output.subarray(0, this.count * this.model.shape.outputCount);
  }

  /** What was collected. */
  recording(name: string): BinnedRecording {
    const { count, model, starts } = this;
    const { inputCount, outputCount } = model.shape;
    return {
      name,
      binMs: model.binMs,
      binCount: count,
      channels: model.features.channelLabels.map((label) => ({ label, unit: 'count' })),
      features: this.features.subarray(0, count * inputCount),
      target: { ...model.output, values: this.truth.subarray(0, count * outputCount) },
      segments: starts.map((startBin, i): Segment => ({ startBin, endBin: starts[i + 1] ?? count })),
    };
  }
}
