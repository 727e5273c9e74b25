import { describe, expect, it } from 'vitest';
import { SimulatedUser, simulatedUserConfig } from '../../../src/acquisition/simulated/simulated-user.ts';
import type { Screen, SimulatedUserOptions } from '../../../src/acquisition/simulated/simulated-user.ts';
import { Rng } from '../../../src/core/rng.ts';

/** No errors, so that what is intended can be worked out. */
const EXACT: SimulatedUserOptions = { directionNoiseDeg: 0, speedNoise: 0 };

const blank = (): Screen => ({ cursorX: 0, cursorY: 0, targetX: NaN, targetY: NaN, targetRadiusM: NaN });

function show(screen: Screen, x: number, y: number): void {
  Object.assign(screen, { targetX: x, targetY: y, targetRadiusM: 0.02 });
}

/** Goes through frames and moves the cursor as intended (times `gain`). @returns velocities, [x, y] per frame */
function live(user: SimulatedUser, screen: Screen, from: number, to: number, gain = 0): number[][] {
  const velocities: number[][] = [];
  for (let frame = from; frame < to; frame++) {
    user.moveTo(frame);
    velocities.push([user.velocityX(), user.velocityY()]);
    screen.cursorX += (gain * user.velocityX()) / 1000;
    screen.cursorY += (gain * user.velocityY()) / 1000;
  }
  return velocities;
}

function create(options: SimulatedUserOptions = {}, seed = 1): { user: SimulatedUser; screen: Screen } {
  const screen = blank();
  return { screen, user: new SimulatedUser(simulatedUserConfig.parse(options), screen, new Rng(seed)) };
}

describe('SimulatedUser', () => {
  it('reacts to a target after visual delay and decision, straight towards it, and no earlier to its end', () => {
    const { user, screen } = create({ ...EXACT, visualDelayMs: 200, decisionMs: 50 });
    expect(
      live(user, screen, 0, 500)
        .flat()
        .every((value) => value === 0),
    ).toBe(true);
    show(screen, 0.06, 0.08);
    const reacting = live(user, screen, 500, 1000);
    expect(
      reacting
        .slice(0, 250)
        .flat()
        .every((value) => value === 0),
    ).toBe(true);
    expect(reacting[250][0]).toBeGreaterThan(0);
    expect(reacting[300][1] / reacting[300][0]).toBeCloseTo(0.08 / 0.06, 6);
    show(screen, NaN, NaN);
    const ending = live(user, screen, 1000, 2000);
    expect(ending[249][0]).not.toBe(0);
    expect(Math.hypot(...ending[800])).toBeLessThan(1e-4);
  });

  it('intends at most its speed far away, and distance over slowing time near', () => {
    const far = create({ ...EXACT, predictsCursor: false, speedMPerS: 0.3 });
    show(far.screen, 10, 0);
    expect(live(far.user, far.screen, 0, 2000)[1999][0]).toBeCloseTo(0.3, 4);
    const near = create({ ...EXACT, predictsCursor: false, slowingMs: 500 });
    show(near.screen, 0, -0.05);
    expect(live(near.user, near.screen, 0, 2000)[1999][1]).toBeCloseTo(-0.1, 4);
  });

  it('brings an obedient cursor into the target and rests there', () => {
    for (const predictsCursor of [true, false]) {
      const { user, screen } = create({ ...EXACT, predictsCursor });
      show(screen, 0.08, 0);
      const velocities = live(user, screen, 0, 4000, 1);
      expect(Math.abs(screen.cursorX - 0.08)).toBeLessThan(predictsCursor ? 0.011 : 0.021);
      if (predictsCursor) expect(Math.hypot(...velocities[3999])).toBeLessThan(1e-3);
    }
  });

  it('overshoots with the delay, unless it reckons with what it intended since', () => {
    const overshoot = (predictsCursor: boolean): number => {
      const { user, screen } = create({ ...EXACT, predictsCursor, slowingMs: 100 });
      show(screen, 0.08, 0);
      let most = 0;
      for (let frame = 0; frame < 3000; frame++) {
        live(user, screen, frame, frame + 1, 1);
        most = Math.max(most, screen.cursorX);
      }
      return most - 0.08;
    };
    expect(overshoot(false)).toBeGreaterThan(0.01);
    expect(overshoot(true)).toBeLessThan(0.002);
  });

  it('sees a cursor that goes astray late, and corrects', () => {
    const { user, screen } = create({ ...EXACT, visualDelayMs: 150, decisionMs: 0 });
    show(screen, 0.05, 0);
    const before = live(user, screen, 0, 2000);
    screen.cursorX = 0.1; // pushed past the target
    const after = live(user, screen, 2000, 3500);
    expect(before[1999][0]).toBeGreaterThan(0);
    expect(after[149][0]).toBeGreaterThan(0);
    expect(after[600][0]).toBeLessThan(0);
  });

  it('errs by as much as it is set to, differently with each seed', () => {
    const directions = (options: SimulatedUserOptions, seed: number): number[] => {
      const { user, screen } = create({ smoothingMs: 1, predictsCursor: false, ...options }, seed);
      show(screen, 1000, 0);
      return live(user, screen, 0, 60_000)
        .slice(1000)
        .map(([x, y]) => (Math.atan2(y, x) * 180) / Math.PI);
    };
    const deviation = (values: number[]): number =>
      Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
    expect(deviation(directions({ directionNoiseDeg: 10 }, 1))).toBeGreaterThan(8.5);
    expect(deviation(directions({ directionNoiseDeg: 10 }, 1))).toBeLessThan(11.5);
    expect(directions({}, 1)).toEqual(directions({}, 1));
    expect(directions({}, 1)).not.toEqual(directions({}, 2));
  });
});
