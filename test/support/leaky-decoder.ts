/** A decoder small enough to follow by hand: each output leaks towards the sum of the features. Not for real use. */
import type { Decoder } from '../../src/decoders/decoder.ts';

const LEAK = 0.5;

export class LeakyDecoder implements Decoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  /** Called in the middle of every step, e.g. to let a fake clock pass. */
  onStep: () => void = () => undefined;
  /** The next step's output is this, where it is set. */
  forcedOutput: number | undefined;
  resetCount = 0;
  private readonly state: Float32Array;

  constructor(inputCount: number, outputCount: number) {
    this.inputCount = inputCount;
    this.outputCount = outputCount;
    this.state = new Float32Array(outputCount);
    this.stateBytes = this.state.byteLength;
  }

  step(features: Float32Array, output: Float32Array): void {
    this.onStep();
    const sum = features.reduce((total, value) => total + value, 0);
    for (let d = 0; d < this.outputCount; d++) {
      this.state[d] = LEAK * this.state[d] + (1 - LEAK) * sum * (d + 1);
      output[d] = this.forcedOutput ?? this.state[d];
    }
  }

  reset(): void {
    this.resetCount++;
    this.state.fill(0);
  }

  saveState(into: Uint8Array): void {
    into.set(new Uint8Array(this.state.buffer));
  }

  loadState(from: Uint8Array): void {
    new Uint8Array(this.state.buffer).set(from.subarray(0, this.stateBytes));
  }
}
