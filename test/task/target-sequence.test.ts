import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { createSequence, HALF_WORKSPACE_M } from '../../src/task/target-sequence.ts';

describe('centre-out', () => {
  it('shows each of eight targets once in eight, 8 cm out, the centre after each, in an order of its seed', () => {
    const angles = (seed: number): number[] => {
      const sequence = createSequence('centre-out', new Rng(seed));
      return Array.from({ length: 16 }, () => {
        const out = sequence.next(0, 0);
        expect(Math.hypot(out.x, out.y)).toBeCloseTo(0.08, 12);
        expect(sequence.next(out.x, out.y)).toEqual({ x: 0, y: 0, radiusM: 0.02 });
        return Math.round((((Math.atan2(out.y, out.x) * 180) / Math.PI + 360) % 360) / 45);
      });
    };
    const order = angles(1);
    const sorted = [0, 1, 2, 3, 4, 5, 6, 7];
    expect(order.slice(0, 8).sort()).toEqual(sorted);
    expect(order.slice(8).sort()).toEqual(sorted);
    expect(order.slice(8)).not.toEqual(order.slice(0, 8));
    expect(angles(1)).toEqual(order);
    expect(angles(2)).not.toEqual(order);
  });

  it('passes over a target that the cursor is in: nothing is won by doing nothing', () => {
    const sequence = createSequence('centre-out', new Rng(3));
    for (let i = 0; i < 50; i++) {
      const { x, y } = sequence.next(0.01, 0); // a cursor that stays near the centre
      expect(Math.hypot(x, y)).toBeGreaterThan(0.07);
    }
  });
});

describe('random targets', () => {
  it('lie whole in the workspace, at least 5 cm from the cursor, at many distances', () => {
    const sequence = createSequence('random-target', new Rng(1));
    let [x, y] = [0, 0];
    const distances: number[] = [];
    for (let i = 0; i < 500; i++) {
      const target = sequence.next(x, y);
      expect(Math.max(Math.abs(target.x), Math.abs(target.y)) + target.radiusM).toBeLessThanOrEqual(
        HALF_WORKSPACE_M,
      );
      distances.push(Math.hypot(target.x - x, target.y - y));
      [x, y] = [target.x, target.y];
    }
    expect(Math.min(...distances)).toBeGreaterThanOrEqual(0.05);
    expect(Math.max(...distances)).toBeGreaterThan(0.15);
  });
});
