import { describe, expect, it } from 'vitest';
import { simulatedArrayConfig } from '../../../src/acquisition/simulated/array-config.ts';
import type { SimulatedArrayOptions } from '../../../src/acquisition/simulated/array-config.ts';
import { unitsOfDay } from '../../../src/acquisition/simulated/drift.ts';
import type { Unit } from '../../../src/acquisition/simulated/tuning.ts';

const units = (day: number, options: SimulatedArrayOptions = {}): Unit[] =>
  unitsOfDay(simulatedArrayConfig.parse({ seed: 5, channelCount: 400, ...options, day }));

const STILL = { gainSpread: 0, offsetSpread: 0, rotationDeg: 0, lossPerDay: 0, arrivalPerDay: 0 };

/** Root mean square over the channels that have kept their unit. */
function spread(day: number, change: (before: Unit, after: Unit) => number): number {
  const drift = { lossPerDay: 0, arrivalPerDay: 0 };
  const before = units(0, { drift });
  const after = units(day, { drift });
  const alive = before.map((_, i) => i).filter((i) => before[i].restRateHz > 0);
  return Math.sqrt(alive.reduce((sum, i) => sum + change(before[i], after[i]) ** 2, 0) / alive.length);
}

describe('drift', () => {
  it('is none on day 0, whatever its settings', () => {
    expect(units(0, { drift: { gainSpread: 1, lossPerDay: 1 } })).toEqual(units(0, { drift: STILL }));
    expect(units(0).every((unit) => unit.gain === 1 && unit.offsetHz === 0)).toBe(true);
  });

  it('is none on any day when all of it is turned off', () => {
    expect(units(30, { drift: STILL })).toEqual(units(0));
  });

  it('is the same for the same seed and day, for every channel of an array of any size', () => {
    expect(units(9)).toEqual(units(9));
    expect(units(9, { channelCount: 7 })).toEqual(units(9).slice(0, 7));
    expect(units(9, { seed: 6 })).not.toEqual(units(9));
    expect(units(10)).not.toEqual(units(9));
  });

  it('accumulates as a random walk: gain, offset and direction move with the square root of the days', () => {
    const { drift } = simulatedArrayConfig.parse({});
    const relative = (a: number, b: number): number => Math.abs(a / b - 1);
    for (const day of [1, 4, 25]) {
      const gain = spread(day, (_, after) => Math.log(after.gain));
      const offset = spread(day, (before, after) => after.offsetHz / before.restRateHz);
      const rotation = spread(day, (a, b) => b.preferredDirectionRad - a.preferredDirectionRad);
      expect(relative(gain, drift.gainSpread * Math.sqrt(day))).toBeLessThan(0.15);
      expect(relative(offset, drift.offsetSpread * Math.sqrt(day))).toBeLessThan(0.15);
      expect(relative((rotation * 180) / Math.PI, drift.rotationDeg * Math.sqrt(day))).toBeLessThan(0.15);
    }
  });

  it('keeps gains within a factor of 4', () => {
    const gains = units(400, { channelCount: 60, drift: { lossPerDay: 0 } }).map((unit) => unit.gain);
    expect(Math.max(...gains)).toBeCloseTo(4, 9);
    expect(Math.min(...gains)).toBeCloseTo(1 / 4, 9);
  });

  it('loses units, and finds new ones of other tuning on empty channels', () => {
    const isAlive = (unit: Unit): boolean => unit.restRateHz > 0;
    const first = units(0);
    const silent = first.filter((unit) => !isAlive(unit)).length;
    expect(silent).toBeGreaterThan(10);
    expect(silent).toBeLessThan(45);

    const onlyLost = units(10, { drift: { ...STILL, lossPerDay: 0.05 } });
    const kept = onlyLost.filter(isAlive).length / first.filter(isAlive).length;
    expect(Math.abs(kept - 0.95 ** 10)).toBeLessThan(0.08);
    onlyLost.forEach((unit, i) => {
      if (isAlive(unit)) expect(unit).toEqual(first[i]);
    });

    const onlyFound = units(60, { drift: { ...STILL, arrivalPerDay: 0.25 } });
    expect(onlyFound.every(isAlive)).toBe(true);
    onlyFound.forEach((unit, i) => {
      if (isAlive(first[i])) expect(unit).toEqual(first[i]);
      else expect(unit.preferredDirectionRad).not.toBe(first[i].preferredDirectionRad);
    });

    const both = units(100);
    expect(both.filter((unit) => !isAlive(unit)).length / 400).toBeCloseTo(
      (0.03 * 0.75) / (0.25 + 0.03 * 0.75),
      1,
    );
  });
});
