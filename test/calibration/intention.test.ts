import { describe, expect, it } from 'vitest';
import { intendedVelocity } from '../../src/calibration/intention.ts';
import type { ClosedLoopBins } from '../../src/calibration/intention.ts';

/** Per bin: cursor, velocity, target ([] for none). Targets have a radius of 0.02. */
function bins(rows: readonly (readonly [number[], number[], number[]])[], binMs = 100): ClosedLoopBins {
  return {
    binMs,
    binCount: rows.length,
    cursor: Float32Array.from(rows.flatMap(([cursor]) => cursor)),
    velocity: Float32Array.from(rows.flatMap(([, velocity]) => velocity)),
    target: Float32Array.from(rows.flatMap(([, , target]) => (target.length === 0 ? [NaN, NaN] : target))),
    targetRadius: Float32Array.from(rows, ([, , target]) => (target.length === 0 ? NaN : 0.02)),
  };
}

/** Rounded rows. */
function estimate(input: ClosedLoopBins, reactionMs?: number): number[][] {
  const flat = intendedVelocity(input, reactionMs);
  return Array.from({ length: input.binCount }, (_, bin) =>
    [flat[2 * bin], flat[2 * bin + 1]].map((value) => Math.round(value * 1e5) / 1e5 + 0),
  );
}

describe('intendedVelocity', () => {
  it('turns the decoded velocity to the target and keeps its speed', () => {
    const target = [0.03, 0.04];
    const rows = bins([
      [[0, 0], [0, -0.5], target],
      [[0.03, 0], [0.3, 0.4], target],
      [[0.13, 0.04], [0, 0], target],
    ]);
    expect(estimate(rows, 0)).toEqual([[0.3, 0.4], [0, 0.5], [0, 0]]); // prettier-ignore
  });

  it('is zero on the target and without one', () => {
    const rows = bins([
      [
        [0.1, 0.019],
        [0.2, 0],
        [0.1, 0],
      ],
      [
        [0.1, 0.021],
        [0.2, 0],
        [0.1, 0],
      ],
      [[0, 0], [0.2, 0], []],
    ]);
    expect(estimate(rows, 0)).toEqual([[0, 0], [0, -0.2], [0, 0]]); // prettier-ignore
  });

  it('begins once a new target can have been reacted to, each time anew', () => {
    const [here, there] = [[0.1, 0], [-0.1, 0]]; // prettier-ignore
    const rows = bins(
      [[], here, here, here, there, there, there, [], there].map((target) => [[0, 0], [0, 1], target]),
    );
    expect(estimate(rows, 200).map(([x]) => x)).toEqual([0, 0, 0, 1, 0, 0, -1, 0, 0]);
    expect(estimate(rows).map(([x]) => x)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]); // 240 ms by default
  });
});
