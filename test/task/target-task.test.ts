import { describe, expect, it } from 'vitest';
import type { Target, TargetSequence } from '../../src/task/target-sequence.ts';
import { TargetTask } from '../../src/task/target-task.ts';
import type { TaskTiming, TrialResult } from '../../src/task/target-task.ts';

const TIMING: TaskTiming = { binMs: 100, holdMs: 200, timeOutMs: 1000, pauseMs: 200 };

/** The same targets again and again; notes where the cursor was. */
function listed(...targets: Target[]): TargetSequence & { cursors: number[][] } {
  const cursors: number[][] = [];
  let index = 0;
  return { cursors, next: (x, y) => (cursors.push([x, y]), targets[index++ % targets.length]) };
}

const right: Target = { x: 0.3, y: 0, radiusM: 0.06 };

/** Velocities [vx, vy] of the bins in turn. @returns the results of all bins */
function run(task: TargetTask, velocities: readonly (readonly number[])[]): (TrialResult | undefined)[] {
  return velocities.map(([vx, vy]) => task.step(vx, vy));
}

const REST = [0, 0];
const RIGHT = [1, 0]; // 0.1 m per bin

describe('TargetTask', () => {
  it('shows a target after the pause, and is won by entering it and holding', () => {
    const task = new TargetTask(listed(right), 1, TIMING);
    expect(task.target).toBeUndefined();
    expect(task.sinceTargetS).toBeNaN();
    run(task, [REST, REST]);
    expect(task.target).toBe(right);
    expect(task.sinceTargetS).toBe(0);
    // Bins 3 to 5 move 0.1, 0.2, 0.3: inside at 0.5 s; held through 0.7 s.
    const results = run(task, [RIGHT, RIGHT, RIGHT, REST, REST]);
    expect(results.slice(0, 4)).toEqual([undefined, undefined, undefined, undefined]);
    const trial = results[4]!;
    expect(trial).toMatchObject({ startS: 0.2, endS: 0.7, isSuccess: true, target: right, distanceM: 0.3 });
    expect(trial.timeToTargetS).toBeCloseTo(0.3, 12);
    expect(trial.pathM).toBeCloseTo(0.3, 12);
    expect(trial.straightM).toBeCloseTo(0.3, 12);
    expect(task.target).toBeUndefined();
    expect(task.cursorX).toBeCloseTo(0.3, 12); // the cursor stays where it is
  });

  it('starts the hold anew when the cursor leaves, and measures up to the last entry', () => {
    const task = new TargetTask(listed(right), 1, { ...TIMING, pauseMs: 100 });
    run(task, [REST]);
    // Inside after three bins, past it after four, back inside after five.
    const results = run(task, [RIGHT, RIGHT, RIGHT, RIGHT, [-1, 0], REST, REST]);
    expect(results.slice(0, 6).every((result) => result === undefined)).toBe(true);
    expect(results[6]!.timeToTargetS).toBeCloseTo(0.5, 12);
    expect(results[6]!.pathM).toBeCloseTo(0.5, 12);
    expect(results[6]!.straightM).toBeCloseTo(0.3, 12);
  });

  it('is lost when the time-out passes, also in the middle of a hold', () => {
    const task = new TargetTask(listed(right), 1, { ...TIMING, pauseMs: 100, timeOutMs: 500 });
    run(task, [REST]);
    const results = run(task, [REST, RIGHT, RIGHT, RIGHT, REST]);
    expect(results[4]).toMatchObject({ isSuccess: false, startS: 0.1, endS: 0.6, distanceM: 0.3 });
    expect(results[4]!.timeToTargetS).toBeNaN();
    expect(results[4]!.pathM).toBeNaN();
  });

  it('keeps the cursor in the workspace, counting only the way that it went', () => {
    const corner: Target = { x: 0.2, y: -0.2, radiusM: 0.05 };
    const task = new TargetTask(listed(corner), 0.2, { ...TIMING, pauseMs: 100, holdMs: 100 });
    run(task, [REST]);
    const [, trial] = run(task, [[50, -50], [50, -50]]); // prettier-ignore
    expect([task.cursorX, task.cursorY]).toEqual([0.2, -0.2]);
    expect(trial!.pathM).toBeCloseTo(Math.hypot(0.2, 0.2), 12);
  });

  it('begins each trial where the last one left the cursor', () => {
    const left: Target = { x: -0.1, y: 0, radiusM: 0.06 };
    const sequence = listed(right, left);
    const task = new TargetTask(sequence, 1, { ...TIMING, pauseMs: 100, holdMs: 0 });
    const first = run(task, [REST, RIGHT, RIGHT, RIGHT])[3]!;
    expect(first.isSuccess).toBe(true);
    const second = run(task, [[0, 1], [-1, 0], [-1, 0], [-1, 0], [-1, -1]])[4]!; // prettier-ignore
    expect(sequence.cursors[1][0]).toBeCloseTo(0.3, 12);
    expect(sequence.cursors[1][1]).toBeCloseTo(0.1, 12);
    expect(second.distanceM).toBeCloseTo(Math.hypot(0.4, 0.1), 12);
    expect(second.pathM).toBeCloseTo(0.3 + Math.hypot(0.1, 0.1), 12); // the pause's way does not count
  });
});
