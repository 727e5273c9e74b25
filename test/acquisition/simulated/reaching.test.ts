import { describe, expect, it } from 'vitest';
import { simulatedArrayConfig } from '../../../src/acquisition/simulated/array-config.ts';
import { ReachingHand } from '../../../src/acquisition/simulated/reaching.ts';
import { Rng } from '../../../src/core/rng.ts';

const { reaching } = simulatedArrayConfig.parse({});

interface Reach {
  startFrame: number;
  /** Velocities of its frames, m/s. */
  vx: number[];
  vy: number[];
}

function recordReaches(seed: number, frameCount: number): { reaches: Reach[]; x: number[]; y: number[] } {
  const hand = new ReachingHand(reaching, new Rng(seed));
  const reaches: Reach[] = [];
  const x = [0];
  const y = [0];
  let current: Reach | undefined;
  for (let frame = 0; frame < frameCount; frame++) {
    hand.moveTo(frame);
    const vx = hand.velocityX();
    const vy = hand.velocityY();
    x.push(x[frame] + vx / 1000);
    y.push(y[frame] + vy / 1000);
    if (vx === 0 && vy === 0) {
      if (current !== undefined) reaches.push(current);
      current = undefined;
      continue;
    }
    current ??= { startFrame: frame, vx: [], vy: [] };
    current.vx.push(vx);
    current.vy.push(vy);
  }
  return { reaches, x, y };
}

describe('ReachingHand', () => {
  const { reaches, x, y } = recordReaches(7, 600_000);

  it('stays in the workspace', () => {
    const half = reaching.workspaceM / 2 + 1e-4;
    for (const coordinate of [x, y]) {
      expect(Math.max(...minMax(coordinate).map(Math.abs))).toBeLessThan(half);
      expect(minMax(coordinate)[1] - minMax(coordinate)[0]).toBeGreaterThan(0.9 * reaching.workspaceM);
    }
  });

  it('moves with the minimum-jerk profile: straight, peak 1.875 times the mean, in the middle', () => {
    for (const { vx, vy } of reaches.slice(1, -1)) {
      const speeds = vx.map((v, i) => Math.hypot(v, vy[i]));
      const peak = Math.max(...speeds);
      const mean = speeds.reduce((sum, v) => sum + v, 0) / speeds.length;
      expect(peak / mean).toBeCloseTo(1.875, 2);
      expect(Math.abs(speeds.indexOf(peak) - (speeds.length - 1) / 2)).toBeLessThanOrEqual(1);
      const direction = Math.atan2(vy[0], vx[0]);
      vx.forEach((v, i) => {
        expect(Math.cos(Math.atan2(vy[i], v) - direction)).toBeCloseTo(1, 9);
      });
      speeds.forEach((speed, i) => {
        expect(speed).toBeCloseTo(speeds[speeds.length - 1 - i], 9);
      });
    }
  });

  it('reaches as far, as fast and as often as a monkey at such a task', () => {
    const lengths = reaches.map(({ vx, vy }) =>
      vx.reduce((sum, v, i) => sum + Math.hypot(v, vy[i]) / 1000, 0),
    );
    const peaks = reaches.map(({ vx, vy }) => Math.max(...vx.map((v, i) => Math.hypot(v, vy[i]))));
    const durationsMs = reaches.map(({ vx }) => vx.length);
    expect(Math.min(...lengths.slice(1, -1))).toBeGreaterThan(reaching.reachMinM - 1e-4);
    expect(median(peaks)).toBeGreaterThan(0.3);
    expect(median(peaks)).toBeLessThan(0.55);
    expect(Math.max(...peaks)).toBeLessThan(1);
    expect(median(durationsMs)).toBeGreaterThan(350);
    expect(median(durationsMs)).toBeLessThan(650);
    const pausesMs = reaches
      .slice(1)
      .map((r, i) => r.startFrame - reaches[i].startFrame - reaches[i].vx.length);
    expect(Math.abs(median(pausesMs) - reaching.pauseMedianMs)).toBeLessThan(15);
    expect(Math.max(...pausesMs)).toBeLessThan(500);
  });

  it('is the same when frames are left out', () => {
    const every = new ReachingHand(reaching, new Rng(3));
    const some = new ReachingHand(reaching, new Rng(3));
    const rng = new Rng(4);
    for (let frame = 0; frame < 20_000; frame++) {
      every.moveTo(frame);
      if (rng.uniform() > 0.01) continue;
      some.moveTo(frame);
      expect([some.velocityX(), some.velocityY()]).toEqual([every.velocityX(), every.velocityY()]);
    }
  });
});

function minMax(values: readonly number[]): [number, number] {
  return values.reduce<[number, number]>(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [0, 0]);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
