/** Spiking neurons: lif, refractory, alif and ilif. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rng } from '../../src/core/rng.ts';
import { neuronScratchCount } from '../../src/kernels/exports/lif.ts';
import type { KernelExports } from '../../src/kernels/kernel-exports.ts';
import { firings } from '../../src/kernels/reference/ilif.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import type { KernelMemory } from '../support/kernel-memory.ts';
import { benchOf, runTwins, VARIANTS } from '../support/kernel-twins.ts';
import { ADAPTATION, DECAY, drawBuffers, LEVELS, NEURONS, SURROGATES } from '../support/neurons.ts';

const scans = fc.record({
  T: fc.integer({ min: 0, max: 9 }),
  B: fc.integer({ min: 0, max: 3 }),
  H: fc.integer({ min: 1, max: 37 }),
  accumulate: fc.integer({ min: 0, max: 1 }),
  seed: seeds,
});

/** Rounding may move a membrane across its threshold where it is this close. */
const MARGIN = 1e-4;

describe.each(VARIANTS)('spiking neurons, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it.each(NEURONS)('$name: the scan equals its twin, any time, batch and channels', (neuron) => {
    let comparedCount = 0;
    forEachCase(scans, 150, ({ seed, ...sizes }) => {
      const { actual, expected } = runTwins(variant, seed, (k, place, rng) => {
        const buffers = drawBuffers(place, rng, sizes);
        neuron.forward(k, buffers, sizes);
        return { s: buffers.s.values, u: buffers.u.values, a: buffers.a.values };
      });
      if (expected['u'].some((u, i) => neuron.margin(u, expected['a'][i]) < MARGIN)) return;
      comparedCount++;
      expectClose(actual['s'], expected['s'], () => 1e-7); // 0, 1, or firings over levels
      for (const name of ['u', 'a']) expectClose(actual[name], expected[name], () => 1e-5);
    });
    expect(comparedCount).toBeGreaterThan(100);
  });

  describe.each(SURROGATES)('%s', (_, kind, sharpness) => {
    it.each(NEURONS)('$name: the backward scan equals its twin', (neuron) => {
      forEachCase(scans, 100, ({ seed, accumulate, ...sizes }) => {
        const { actual, expected } = runTwins(variant, seed, (k, place, rng) => {
          const buffers = drawBuffers(place, rng, sizes);
          neuron.backward(k, buffers, sizes, [kind, sharpness], accumulate);
          const { dy, dlnVth, down } = buffers;
          return { dy: dy.values, dlnVth: dlnVth.values, down: down.values };
        });
        // Sums of up to 9 steps, each a few roundings of terms below 10 and surrogates that are within 3e-7.
        for (const name of Object.keys(expected))
          expectClose(actual[name], expected[name], (value) => 1e-5 * (1 + Math.abs(value)));
      });
    });
  });

  it.each([
    ['triangular', 0, 1, [0.75, 1, 0.5, 0]],
    ['dspike', 1, 2, [(1 - Math.tanh(0.5) ** 2) / Math.tanh(1), 1 / Math.tanh(1), 0, 0]],
    ['fast sigmoid', 2, 4, [1 / 4, 1, 1 / 9, 1 / 81]],
  ])('the gradient of %s is its closed form', (_, kind, sharpness, slopes) => {
    memory.reset();
    const sizes = { T: 1, B: 1, H: 4 };
    const buffers = drawBuffers(memory, { uniform: () => 0 } as unknown as Rng, sizes);
    buffers.u.values.set([0.75, 1, 1.5, 3]); // a quarter below, at, a half and 2 above the threshold
    const ones = memory.input([1, 1, 1, 1]);
    NEURONS[0].backward(exports, { ...buffers, ds: ones }, sizes, [kind, sharpness], 0);
    expectClose(buffers.dy.values, slopes, () => 1e-6);
  });

  it.each(NEURONS)(
    '$name: repeated steps give the spikes and membranes of the scan, bit by bit',
    (neuron) => {
      const sizes = fc.record({
        T: fc.integer({ min: 1, max: 9 }),
        H: fc.integer({ min: 1, max: 21 }),
        seed: seeds,
      });
      forEachCase(sizes, 100, ({ T, H, seed }) => {
        const H4 = 4 * Math.ceil(H / 4);
        runTwins(variant, seed, (k, place, rng) => {
          const buffers = drawBuffers(place, rng, { T, B: 1, H: H4 });
          const zeros = place.input(new Float32Array(H4)); // thresholds of 1, magnitudes of 1
          neuron.forward(k, { ...buffers, lnVth: zeros, own: zeros }, { T, B: 1, H: H4 });
          // exp(-1/rho) and the magnitude at ln = 0, as the scan has them
          const own = place.input(
            new Float32Array(H4).fill(neuron.name === 'alif' ? keepOfScan(k, place) : 1),
          );
          const state = {
            ...buffers,
            u: place.inOut(new Float32Array(H4)),
            a: place.inOut(new Float32Array(H4)),
            own,
          };
          const list = place.output(LEVELS * H4);
          const numbers = new Int32Array(list.values.buffer, list.ptr, LEVELS * H4);
          for (let t = 0; t < T; t++) {
            const count = neuron.step(k, state, list.ptr, buffers.y.ptr + 4 * t * H4, H4);
            const fired = new Float32Array(H4);
            for (const channel of numbers.subarray(0, count)) fired[channel]++;
            const row = buffers.s.values.subarray(t * H4, (t + 1) * H4);
            const scale = neuron.name === 'ilif' ? LEVELS : 1;
            expect(Array.from(row, (s) => Math.round(s * scale))).toEqual(Array.from(fired));
          }
          return {};
        });
      });
    },
  );

  it('ilif: binary sub-steps equal the integer, exactly, also next to every half', () => {
    const near = (value: number): number[] => {
      const bits = new Int32Array(Float32Array.of(value).buffer);
      return [-1, 0, 1].map((step) => new Float32Array(Int32Array.of(bits[0] + step).buffer)[0]);
    };
    const drives = [-2, -1e-9, 1e-9, 9, 1e6, ...[0.5, 1, 1.5, 2, 2.5, 3, 3.5].flatMap(near)];
    memory.reset();
    const count = 4 * Math.ceil(drives.length / 4);
    const y = memory.input([...drives, ...new Array<number>(count - drives.length).fill(0)]);
    const u = memory.inOut(new Float32Array(count));
    const list = memory.output(LEVELS * count);
    const spikeCount = exports.ilifStep(list.ptr, u.ptr, y.ptr, count, DECAY, LEVELS);
    const numbers = new Int32Array(list.values.buffer, list.ptr, spikeCount);
    drives.forEach((drive, channel) => {
      const k = firings(Math.fround(drive), LEVELS);
      expect(numbers.filter((number) => number === channel).length, `drive ${drive}`).toBe(k);
      expect(u.values[channel]).toBe(Math.fround(Math.fround(drive) - k));
    });
    memory.verify();
  });

  it.each([
    ['lif', [0.5, 1, 0.25, 2], [0, 1, 0, 1], [0.5, 1.1875, 0.25, 2.09375]],
    // The trace is 1 after the second step, 0.75 after the third.
    ['refractory', [0.5, 1, 0.25, 2], [0, 1, 0, 1], [0.5, 1.1875, -0.3046875, 1.1357421875]],
    ['ilif', [0.5, 1, 0.25, 2], [1 / 3, 1 / 3, 0, 2 / 3], [0.5, 0.8125, 0.1796875, 2.0673828125]],
  ])('%s: the first steps are as computed by hand', (name, drives, spikes, membranes) => {
    memory.reset();
    const sizes = { T: 4, B: 1, H: 1 };
    const buffers = drawBuffers(memory, { uniform: () => 0 } as unknown as Rng, sizes);
    const y = memory.input(drives);
    NEURONS.find((neuron) => neuron.name === name)!.forward(exports, { ...buffers, y }, sizes);
    expectClose(buffers.s.values, spikes, () => 1e-7);
    const saved = buffers.u.values.filter((_, i) => i % 4 === 0);
    expect(Array.from(saved)).toEqual(membranes);
  });

  it('alif: a spike raises the threshold for the next steps', () => {
    memory.reset();
    const sizes = { T: 4, B: 1, H: 1 };
    const buffers = drawBuffers(memory, { uniform: () => 0 } as unknown as Rng, sizes);
    const y = memory.input([1, 1.25, 1.25, 1.25]);
    NEURONS[2].forward(exports, { ...buffers, y }, sizes);
    // Trace 0, 1, 1/e, then 1 + 1/e^2; membranes 1 (fires), 1.25 below 1.5, 1.71875 above 1.18 (fires), 1.25 below 1.57.
    expectClose(buffers.s.values, [1, 0, 1, 0], () => 0);
    const saved = buffers.a.values.filter((_, i) => i % 4 === 0);
    expectClose(saved, [0, 1, Math.exp(-1), 1 + Math.exp(-2)], () => 1e-6);
  });

  it.each(NEURONS)('$name: a NaN shows as NaN in the scan of its channel, and as -1 in a step', (neuron) => {
    memory.reset();
    const sizes = { T: 3, B: 1, H: 6 };
    const buffers = drawBuffers(memory, { uniform: () => 0 } as unknown as Rng, sizes);
    const drives = new Float32Array(18).fill(0.25);
    drives[6 + 2] = Number.NaN;
    const y = memory.input(drives);
    neuron.forward(exports, { ...buffers, y }, sizes);
    buffers.s.values.forEach((s, i) => {
      expect(Number.isNaN(s)).toBe(i >= 6 && i % 6 === 2);
    });
    const [u, a, own] = [0, 0, 1].map((value) => memory.inOut(new Float32Array(8).fill(value)));
    const list = memory.output(LEVELS * 8);
    const padded = memory.input([0, 0, Number.NaN, 0, 0, 0, 0, 0]);
    expect(neuron.step(exports, { ...buffers, u, a, own }, list.ptr, padded.ptr, 8)).toBe(-1);
  });
});

/** exp(-1) as the kernels have it: the trace of an alif neuron a step after it fired. */
function keepOfScan(k: KernelExports, place: KernelMemory): number {
  const [s, u, a] = [3, 12, 12].map((count) => place.output(count));
  const [y, zero] = [[1, 0, 0], [0]].map((values) => place.input(values));
  const scratch = place.output(neuronScratchCount(3));
  k.alifScanForward(
    ...([s.ptr, u.ptr, a.ptr, y.ptr, zero.ptr, zero.ptr, 3, 1, 1, DECAY, ADAPTATION, scratch.ptr] as const),
  );
  return a.values[8];
}
