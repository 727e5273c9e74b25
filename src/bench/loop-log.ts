/** What happened in a closed-loop session, bin by bin, in the form that calibration learns from. */
import { simulatedChannels } from '../acquisition/simulated/simulate-recording.ts';
import type { Screen } from '../acquisition/simulated/simulated-user.ts';
import { intendedVelocity } from '../calibration/intention.ts';
import type { BinnedRecording } from '../core/recording.ts';

export class LoopLog {
  binCount = 0;
  private readonly channelCount: number;
  private readonly binMs: number;
  private readonly counts: Float32Array;
  private readonly cursor: Float32Array;
  private readonly velocity: Float32Array;
  private readonly target: Float32Array;
  private readonly targetRadius: Float32Array;

  constructor(channelCount: number, binMs: number, binCountMax: number) {
    this.channelCount = channelCount;
    this.binMs = binMs;
    this.counts = new Float32Array(binCountMax * channelCount);
    this.cursor = new Float32Array(binCountMax * 2);
    this.velocity = new Float32Array(binCountMax * 2);
    this.target = new Float32Array(binCountMax * 2);
    this.targetRadius = new Float32Array(binCountMax);
  }

  /** @param counts of the bin @param screen as it was during the bin @param velocity with which the cursor then moved */
  add(counts: Float32Array, screen: Screen, velocity: Float64Array): void {
    const { binCount: bin } = this;
    this.counts.set(counts, bin * this.channelCount);
    this.cursor.set([screen.cursorX, screen.cursorY], bin * 2);
    this.velocity.set(velocity, bin * 2);
    this.target.set([screen.targetX, screen.targetY], bin * 2);
    this.targetRadius[bin] = screen.targetRadiusM;
    this.binCount++;
  }

  /** Counts of a bin; a view. */
  countsOf(bin: number): Float32Array {
    return this.counts.subarray(bin * this.channelCount, (bin + 1) * this.channelCount);
  }

  /** All bins so far, labelled with the intention that is estimated from what was on the screen. */
  toRecording(): BinnedRecording {
    const { binCount, binMs, channelCount } = this;
    const values = intendedVelocity({
      binMs,
      binCount,
      cursor: this.cursor,
      velocity: this.velocity,
      target: this.target,
      targetRadius: this.targetRadius,
    });
    return {
      name: 'closed loop',
      binMs,
      binCount,
      channels: simulatedChannels(channelCount),
      features: this.counts.slice(0, binCount * channelCount),
      target: { name: 'intendedVelocity', labels: ['x', 'y'], unit: 'm/s', values },
      segments: [{ startBin: 0, endBin: binCount }],
    };
  }
}
