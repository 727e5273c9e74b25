/**
 * The simulated electrode array: frames of spike counts (1 ms) with the velocity that goes with them: that of a reaching
 * hand, or of another movement that it is given (movement.ts).
 *
 * With the reaching hand frame n is the same whoever reads it, in chunks of any size and from any start. Spikes are
 * Poisson: by the time-rescaling theorem (Brown et al. 2002, Neural Comput 14:325-346) a spike falls where the summed expected count
 * since the last one passes an exponential draw, which is exact and needs a random number per spike, not per frame.
 * Because the process has no memory, the draws can begin anew at fixed block borders; that is what makes any frame
 * reachable without computing all before it.
 */
import { Rng } from '../../core/rng.ts';
import type { SimulatedArrayConfig } from './array-config.ts';
import { unitsOfDay } from './drift.ts';
import type { Movement } from './movement.ts';
import { randomStream } from './random-streams.ts';
import { ReachingHand } from './reaching.ts';
import { directionScale, LEAD_MAX_FRAMES, tabulateUnits } from './tuning.ts';
import type { TuningColumns } from './tuning.ts';

/** Velocity: x, y. */
export const TRUTH_COUNT = 2;
/** No channel is expected to count more than this in a frame, whatever the settings. */
const EXPECTED_MAX = 1;
/** Spikes begin anew at multiples of this. */
const BLOCK_FRAMES = 1000;
/** Velocities from the largest lag back to the largest lead or lag ahead; a power of two above all that these span. */
const WINDOW_FRAMES = 1024;
/** How much later, or earlier, the velocity may be that a frame is paired with. */
export const LAG_MAX_FRAMES = 500;

export class SimulatedArray {
  readonly channelCount: number;
  private readonly config: SimulatedArrayConfig;
  private readonly tuning: TuningColumns;
  private readonly movement: Movement;
  /** How far ahead of the frame that is read the movement is asked for. */
  private readonly aheadFrames: number;
  private readonly lagFrames: number;
  /** Velocity of frame n at n % WINDOW_FRAMES; m/s. */
  private readonly vx = new Float64Array(WINDOW_FRAMES);
  private readonly vy = new Float64Array(WINDOW_FRAMES);
  /** The movement drive that follows from it. */
  private readonly driveX = new Float64Array(WINDOW_FRAMES);
  private readonly driveY = new Float64Array(WINDOW_FRAMES);
  private readonly driveSpeed = new Float64Array(WINDOW_FRAMES);
  /** Expected count that each channel still has to gather until its next spike. [channelCount] */
  private readonly untilSpike: Float64Array;
  /** Of the current block. */
  private rng = new Rng(0);
  /** The next frame to be read. */
  private frame: number;

  /**
   * @param startFrame the first frame to be read; what lies between it and the border of a block is read and thrown away
   * @param movement the reaching hand of the config's seed and day, if none is given
   * @param lagFrames the velocity given with a frame is that of so much later, as far as the movement is known; at most LAG_MAX_FRAMES either way
   */
  constructor(
    config: SimulatedArrayConfig,
    startFrame = 0,
    movement: Movement = reachingHand(config),
    lagFrames = 0,
  ) {
    this.config = config;
    this.channelCount = config.channelCount;
    this.movement = movement;
    const { knownAheadFrames } = movement;
    this.lagFrames = Math.min(lagFrames, knownAheadFrames);
    this.aheadFrames = Math.min(Math.max(LEAD_MAX_FRAMES, lagFrames), knownAheadFrames);
    this.tuning = tabulateUnits(unitsOfDay(config), Math.min(LEAD_MAX_FRAMES, knownAheadFrames));
    this.untilSpike = new Float64Array(config.channelCount);
    this.frame = Math.floor(startFrame / BLOCK_FRAMES) * BLOCK_FRAMES;
    const firstKnown = Math.max(0, this.frame + Math.min(0, lagFrames));
    for (let frame = firstKnown; frame < this.frame + this.aheadFrames; frame++) this.follow(frame);
    const skipped = new Float32Array(config.channelCount);
    const skippedTruth = new Float32Array(TRUTH_COUNT);
    while (this.frame < startFrame) this.read(1, skipped, skippedTruth);
  }

  /**
   * Writes the next frames.
   * @param samples spike counts, [frameCount x channelCount]
   * @param truth the movement's velocity in m/s, the lag later, [frameCount x 2]
   */
  read(frameCount: number, samples: Float32Array, truth: Float32Array): void {
    for (let i = 0; i < frameCount; i++) {
      if (this.frame % BLOCK_FRAMES === 0) this.startBlock();
      this.follow(this.frame + this.aheadFrames);
      const paired = (this.frame + this.lagFrames) & (WINDOW_FRAMES - 1);
      truth[i * TRUTH_COUNT] = this.vx[paired];
      truth[i * TRUTH_COUNT + 1] = this.vy[paired];
      this.drawCounts(samples, i * this.channelCount);
      this.frame++;
    }
  }

  private drawCounts(samples: Float32Array, offset: number): void {
    const { driveX, driveY, driveSpeed, untilSpike, frame, channelCount } = this;
    const { base, alongX, alongY, alongSpeed, offset: offsets, leadFrames } = this.tuning;
    for (let c = 0; c < channelCount; c++) {
      const led = (frame + leadFrames[c]) & (WINDOW_FRAMES - 1);
      const drive =
        base[c] + alongX[c] * driveX[led] + alongY[c] * driveY[led] + alongSpeed[c] * driveSpeed[led];
      const expected = (drive > 0 ? drive * drive : 0) + offsets[c];
      let count = 0;
      if (expected > 0) {
        let left = untilSpike[c] - Math.min(EXPECTED_MAX, expected);
        while (left <= 0) {
          count++;
          left += this.drawExponential();
        }
        untilSpike[c] = left;
      }
      samples[offset + c] = count;
    }
  }

  private startBlock(): void {
    this.rng = randomStream(this.config.seed, 'spikes', this.config.day, this.frame / BLOCK_FRAMES);
    for (let c = 0; c < this.channelCount; c++) this.untilSpike[c] = this.drawExponential();
  }

  private drawExponential(): number {
    return -Math.log(1 - this.rng.uniform());
  }

  private follow(frame: number): void {
    this.movement.moveTo(frame);
    const at = frame & (WINDOW_FRAMES - 1);
    const vx = this.movement.velocityX();
    const vy = this.movement.velocityY();
    const speed = Math.sqrt(vx * vx + vy * vy);
    const scale = directionScale(this.config.tuning, speed);
    this.vx[at] = vx;
    this.vy[at] = vy;
    this.driveX[at] = scale * vx;
    this.driveY[at] = scale * vy;
    this.driveSpeed[at] = speed / this.config.tuning.referenceSpeedMPerS;
  }
}

function reachingHand({ seed, day, reaching }: SimulatedArrayConfig): Movement {
  return new ReachingHand(reaching, randomStream(seed, 'reaching', day, 0));
}
