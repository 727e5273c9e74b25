import { describe, expect, it } from 'vitest';
import { FadingAssist, helpingVelocity } from '../../src/task/assist.ts';

describe('FadingAssist', () => {
  it('fades with time in a straight line, and stays away', () => {
    const assist = new FadingAssist({ level: 0.6, fade: { by: 'time', overS: 3 } });
    expect(assist.current()).toBe(0.6);
    const levels = Array.from({ length: 5 }, () => {
      assist.step(1, 'failure');
      return assist.current();
    });
    [0.4, 0.2, 0, 0, 0].forEach((level, i) => {
      expect(levels[i]).toBeCloseTo(level, 12);
    });
  });

  it('fades with success, comes back with a miss, and stays away once it is gone', () => {
    const assist = new FadingAssist({ level: 0.5, fade: { by: 'success', step: 0.2 } });
    const after = (end?: 'success' | 'failure'): number => {
      assist.step(0.02, end);
      return Math.round(assist.current() * 1000) / 1000;
    };
    const ends = [
      undefined,
      'failure',
      'success',
      'success',
      'failure',
      'success',
      'success',
      'failure',
    ] as const;
    expect(ends.map(after)).toEqual([0.5, 0.5, 0.3, 0.1, 0.3, 0.1, 0, 0]);
  });
});

describe('helpingVelocity', () => {
  const target = { x: 0.06, y: 0.08, radiusM: 0.02 };
  const at = (x: number, y: number, sinceS: number): number[] => {
    const velocity = Float64Array.of(9, 9);
    helpingVelocity(x, y, Number.isNaN(sinceS) ? undefined : target, sinceS, velocity);
    return Array.from(velocity, (value) => Math.round(value * 1e9) / 1e9);
  };

  it('goes straight to the target, slower near it, and rests in its middle', () => {
    expect(at(0, 0, 1)).toEqual([0.15, 0.2]); // 0.25 m/s along (0.6, 0.8)
    expect(at(0.048, 0.064, 1)).toEqual([0.08, 0.106666667]); // 2 cm away: 0.02 / 0.15 m/s
    expect(at(0.06, 0.078, 1)).toEqual([0, 0]);
  });

  it('waits for a reaction, and for a target', () => {
    expect(at(0, 0, 0.24)).toEqual([0, 0]);
    expect(at(0, 0, 0.25)).toEqual([0.15, 0.2]);
    expect(at(0, 0, NaN)).toEqual([0, 0]);
  });
});
