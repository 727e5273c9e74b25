import { describe, expect, it } from 'vitest';
import { simulatedArrayConfig } from '../../../src/acquisition/simulated/array-config.ts';
import {
  directionScale,
  drawUnit,
  silence,
  tabulateUnits,
} from '../../../src/acquisition/simulated/tuning.ts';
import type { Unit } from '../../../src/acquisition/simulated/tuning.ts';
import { Rng } from '../../../src/core/rng.ts';

const config = simulatedArrayConfig.parse({}).tuning;
const UNIT: Unit = {
  restRateHz: 16,
  preferredDirectionRad: Math.PI / 2,
  directionDepth: 0.5,
  speedDepth: 0.25,
  leadFrames: 100,
  gain: 1,
  offsetHz: 0,
};

/** The rate at a velocity by the columns that the simulation uses. */
function rateHz(unit: Unit, vx: number, vy: number): number {
  const { base, alongX, alongY, alongSpeed, offset } = tabulateUnits([unit]);
  const speed = Math.hypot(vx, vy);
  const scale = directionScale(config, speed);
  const drive =
    base[0] +
    alongX[0] * scale * vx +
    alongY[0] * scale * vy +
    (alongSpeed[0] * speed) / config.referenceSpeedMPerS;
  return Math.max(0, Math.max(0, drive) ** 2 + offset[0]) * 1000;
}

describe('tuning', () => {
  it('has the rates that the formula gives by hand', () => {
    const v0 = config.referenceSpeedMPerS;
    expect(rateHz(UNIT, 0, 0)).toBeCloseTo(16, 9);
    expect(rateHz(UNIT, 0, v0)).toBeCloseTo(16 * 1.75 ** 2, 9); // preferred direction
    expect(rateHz(UNIT, 0, -v0)).toBeCloseTo(16 * 0.75 ** 2, 9);
    expect(rateHz(UNIT, v0, 0)).toBeCloseTo(16 * 1.25 ** 2, 9);
    expect(rateHz({ ...UNIT, gain: 2, offsetHz: -3 }, 0, v0)).toBeCloseTo(2 * 16 * 1.75 ** 2 - 3, 9);
    expect(rateHz({ ...UNIT, directionDepth: 3 }, 0, -v0)).toBe(0); // rectified
    expect(rateHz({ ...UNIT, offsetHz: -20 }, 0, 0)).toBe(0);
  });

  it('saturates with speed: half the tuning to direction at about the half speed', () => {
    const g = (speed: number): number => directionScale(config, speed) * speed;
    expect(g(0)).toBe(0);
    expect(g(config.referenceSpeedMPerS)).toBeCloseTo(1, 12);
    const limit = 1 + config.halfSpeedMPerS / config.referenceSpeedMPerS;
    expect(g(config.halfSpeedMPerS)).toBeCloseTo(limit / 2, 12);
    expect(g(1e6)).toBeCloseTo(limit, 5);
  });

  it('draws units that differ: directions all around, leads near the configured, rates capped', () => {
    const rng = new Rng(11);
    const units = Array.from({ length: 4000 }, () => drawUnit(config, rng));
    const mean = (of: (unit: Unit) => number): number =>
      units.reduce((sum, u) => sum + of(u), 0) / units.length;
    expect(Math.abs(mean((u) => Math.cos(u.preferredDirectionRad)))).toBeLessThan(0.05);
    expect(Math.abs(mean((u) => Math.sin(u.preferredDirectionRad)))).toBeLessThan(0.05);
    expect(mean((u) => u.leadFrames)).toBeCloseTo(config.leadMs, -1);
    expect(mean((u) => u.directionDepth)).toBeCloseTo(config.directionDepth, 1);
    expect(mean((u) => u.speedDepth)).toBeCloseTo(config.speedDepth, 1);
    expect(Math.max(...units.map((u) => u.restRateHz))).toBe(config.restRateMaxHz);
    expect(units.every((u) => u.leadFrames >= 0 && u.leadFrames <= 300)).toBe(true);
  });

  it('can be silenced altogether', () => {
    expect(rateHz(silence({ ...UNIT, offsetHz: 5, gain: 3 }), 0.5, 0.5)).toBe(0);
  });
});
