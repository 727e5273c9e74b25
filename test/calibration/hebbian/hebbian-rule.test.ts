import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compete, hebbianStep, projectOntoBall } from '../../../src/calibration/hebbian/hebbian-rule.ts';
import { Rng } from '../../../src/core/rng.ts';

function norm(values: Iterable<number>): number {
  return Math.sqrt([...values].reduce((sum, v) => sum + v * v, 0));
}

describe('the soft Hebbian rule', () => {
  it('makes the step that was computed by hand', () => {
    // u = (0, log 3), beta 1: y = (1/4, 3/4). x = (1, 2), w = ((1, 0), (0, 1)), eta = 0.1.
    const wins = new Float32Array(2);
    const latents = Float32Array.of(0, Math.log(3));
    compete(wins, latents, 1);
    expect(wins[0]).toBeCloseTo(0.25, 6);
    expect(wins[1]).toBeCloseTo(0.75, 6);
    const rows = Float32Array.of(1, 0, 0, 1);
    const calibrated = Float32Array.of(1, 0, 0, 0.5);
    hebbianStep(rows, [0, 0, 0.5, 0], calibrated, Float32Array.of(1, 2), latents, wins, {
      eta: 0.1,
      pull: 2,
    });
    // w_1 += 0.1 (0.25 (1 - 0), 0.25 (2 - 0)); w_2 += 0.1 (0.75 (1 - 0) - 0.5, 0.75 (2 - log 3) - 2 (1 - 0.5))
    const expected = [1.025, 0.05, 0.025, 0.9 + 0.075 * (2 - Math.log(3))];
    expected.forEach((value, i) => {
      expect(rows[i]).toBeCloseTo(value, 6);
    });
  });

  it('lets a large beta decide for one winner, and 0 for none', () => {
    const wins = new Float32Array(3);
    compete(wins, Float32Array.of(1, 3, 2), 100);
    expect(wins[1]).toBe(1);
    expect(wins[0] + wins[2]).toBeLessThan(1e-30);
    compete(wins, Float32Array.of(1, 300, 2), 0);
    expect(wins[0]).toBeCloseTo(1 / 3, 6);
  });

  it('has rows of unit length as its fixed point, from shorter and from longer ones', () => {
    for (const start of [0.2, 3]) {
      const rng = new Rng(7);
      const rows = Float32Array.of(start, 0, 0, 0);
      const x = new Float32Array(4);
      const none = new Float32Array(4);
      const u = new Float32Array(1);
      for (let i = 0; i < 20_000; i++) {
        const source = rng.normal();
        for (let c = 0; c < 4; c++) x[c] = source * (c + 1) * 0.4 + rng.normal(0, 0.1);
        u[0] = x.reduce((sum, value, c) => sum + value * rows[c], 0);
        // One latent always wins; y = u makes it Oja's rule, whose fixed point is the first principal direction.
        hebbianStep(rows, none, none, x, u, u, { eta: 2e-3, pull: 0 });
      }
      expect(norm(rows)).toBeCloseTo(1, 1);
      expect(Math.abs(rows[3] / rows[0])).toBeCloseTo(4, 0);
    }
  });

  it('stays where it is when nothing but the rest is seen', () => {
    const rows = Float32Array.of(0.6, 0.8);
    const x = Float32Array.of(1, -2);
    const u = Float32Array.of(0.6 - 1.6);
    const wins = Float32Array.of(1);
    const rest = [1 + 1 * 0.6, -2 + 1 * 0.8];
    hebbianStep(rows, rest, rows.slice(), x, u, wins, { eta: 0.5, pull: 1 });
    expect(rows[0]).toBeCloseTo(0.6, 6);
    expect(rows[1]).toBeCloseTo(0.8, 6);
  });
});

describe('the projection', () => {
  it('never leaves rows further than the radius, and leaves alone what is within', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 6, maxLength: 6 }),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        (values, radius) => {
          const centre = Float32Array.of(1, -2, 0.5, 0, 3, 1);
          const rows = Float32Array.from(values);
          const before = rows.slice();
          const isMoved = projectOntoBall(rows, centre, [radius]);
          const distance = norm(rows.map((w, i) => w - centre[i]));
          // Each weight is within 3 + radius, and rounded to float32.
          const rounding = Math.sqrt(rows.length) * (3 + radius) * 2 ** -24;
          expect(distance).toBeLessThanOrEqual(radius + rounding);
          if (!isMoved) expect(rows).toEqual(before);
          else expect(distance).toBeGreaterThan(radius * (1 - 2e-6) - rounding);
        },
      ),
    );
  });
});
