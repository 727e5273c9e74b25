import { describe, expect, it } from 'vitest';
import { simulatedArrayConfig } from '../../../src/acquisition/simulated/array-config.ts';
import type { SimulatedArrayOptions } from '../../../src/acquisition/simulated/array-config.ts';
import type { Movement } from '../../../src/acquisition/simulated/movement.ts';
import { SimulatedArray } from '../../../src/acquisition/simulated/simulated-array.ts';
import { crc32 } from '../../../src/core/crc32.ts';

/** Rest up to a frame, a steady velocity from there on; notes what it is asked for. */
class StepMovement implements Movement {
  readonly knownAheadFrames: number;
  readonly asked: number[] = [];
  readonly stepFrame: number;
  private vx = 0;
  private vy = 0;

  constructor(knownAheadFrames: number, stepFrame: number) {
    this.knownAheadFrames = knownAheadFrames;
    this.stepFrame = stepFrame;
  }

  moveTo(frame: number): void {
    this.asked.push(frame);
    this.vx = frame < this.stepFrame ? 0 : 0.4;
    this.vy = frame < this.stepFrame ? 0 : -0.4;
  }

  velocityX(): number {
    return this.vx;
  }

  velocityY(): number {
    return this.vy;
  }
}

function read(array: SimulatedArray, frameCount: number): { samples: Float32Array; truth: Float32Array } {
  const samples = new Float32Array(frameCount * array.channelCount);
  const truth = new Float32Array(frameCount * 2);
  array.read(frameCount, samples, truth);
  return { samples, truth };
}

const crcOf = (values: Float32Array): number => crc32(new Uint8Array(values.buffer));

/** All units respond to speed alone, strongly: rates tell rest from movement at a glance. */
const LOUD: SimulatedArrayOptions = {
  channelCount: 200,
  tuning: { silentFraction: 0, directionDepth: 0, speedDepth: 4, restRateMedianHz: 20, restRateSpread: 0 },
};

/** Mean count per frame and channel. */
function rate(samples: Float32Array, channelCount: number, from: number, to: number): number {
  const part = samples.subarray(from * channelCount, to * channelCount);
  return part.reduce((sum, count) => sum + count, 0) / part.length;
}

describe('the movement of a simulated array', () => {
  it('is the reaching hand unless another is given: data as they were before there was a choice', () => {
    const first = read(new SimulatedArray(simulatedArrayConfig.parse({ seed: 1 })), 2500);
    expect([crcOf(first.samples), crcOf(first.truth)]).toEqual([2053684616, 294355541]);
    const drifted = simulatedArrayConfig.parse({ seed: 7, day: 3, channelCount: 24 });
    const later = read(new SimulatedArray(drifted, 1234), 2500);
    expect([crcOf(later.samples), crcOf(later.truth)]).toEqual([3317753799, 2074290570]);
  });

  it('is asked for no frame before that frame is read, where it is known only as time goes', () => {
    const movement = new StepMovement(0, 100);
    const array = new SimulatedArray(simulatedArrayConfig.parse({ channelCount: 2 }), 0, movement);
    expect(movement.asked).toEqual([]);
    read(array, 3);
    expect(movement.asked).toEqual([0, 1, 2]);
    read(array, 1);
    expect(movement.asked).toEqual([0, 1, 2, 3]);
  });

  it('shows in the spikes of its own frame when known only as time goes, and ahead by the lead when known ahead', () => {
    const config = simulatedArrayConfig.parse({ ...LOUD });
    const live = read(new SimulatedArray(config, 0, new StepMovement(0, 500)), 1000);
    const known = read(new SimulatedArray(config, 0, new StepMovement(Infinity, 500)), 1000);
    const clipped = read(new SimulatedArray(config, 0, new StepMovement(40, 500)), 1000);
    const rates = ({ samples }: { samples: Float32Array }): number[] =>
      [
        [300, 400], // before any lead of note
        [420, 455], // after most leads of 100 ms, before one of 40
        [465, 500], // after one of 40
        [500, 600],
      ].map(([from, to]) => rate(samples, 200, from, to));
    const [rest, , , moving] = rates(live);
    expect(moving).toBeGreaterThan(5 * rest);
    const middle = (rest + moving) / 2;
    expect(rates(live).map((value) => value > middle)).toEqual([false, false, false, true]);
    expect(rates(known).map((value) => value > middle)).toEqual([false, true, true, true]);
    expect(rates(clipped).map((value) => value > middle)).toEqual([false, false, true, true]);
    expect(live.truth.subarray(998, 1004)).toEqual(Float32Array.of(0, 0, 0.4, -0.4, 0.4, -0.4));
    expect(known.truth).toEqual(live.truth);
  });
});
