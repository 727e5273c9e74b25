import { describe, expect, it } from 'vitest';
import { AdaptedState } from '../../../src/calibration/adaptive/adapted-state.ts';

describe('what was adapted, as bytes', () => {
  const singles = [Float32Array.of(1.5, -2), Float32Array.of(Math.fround(1 / 3))];
  const doubles = [Float64Array.of(Math.PI, -1e-20, 0), Float64Array.of(1e12 + 1 / 3)];

  it('comes back: single precision exactly, double precision to 48 bits', () => {
    const state = new AdaptedState(singles, doubles);
    const expected = [...singles, ...doubles].map((values) => values.slice());
    const bytes = new Uint8Array(state.byteLength + 3);
    state.save(bytes.subarray(0, state.byteLength));
    for (const values of [...singles, ...doubles]) values.fill(7);
    state.load(bytes);
    [...singles, ...doubles].forEach((values, part) => {
      values.forEach((value, i) => {
        const wanted = expected[part][i];
        const tolerance = part < singles.length ? 0 : Math.abs(wanted) * 2 ** -47;
        expect(Math.abs(value - wanted), `number ${i} of part ${part}`).toBeLessThanOrEqual(tolerance);
      });
    });
  });

  it('is whole numbers of 8 bytes, finite read as either precision', () => {
    const state = new AdaptedState(singles, doubles);
    expect(state.byteLength).toBe(Math.ceil((3 + 8) / 2) * 8);
    const bytes = new Uint8Array(state.byteLength).fill(255);
    state.save(bytes);
    expect([...new Float64Array(bytes.buffer)].every(Number.isFinite)).toBe(true);
    expect([...new Float32Array(bytes.buffer)].every(Number.isFinite)).toBe(true);
  });
});
