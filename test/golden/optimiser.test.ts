/** AdamW, clipping and the one-cycle rate against PyTorch (tools/golden/optimiser.py). */
import { describe, expect, it } from 'vitest';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { referenceKernels } from '../../src/kernels/reference/reference-kernels.ts';
import { AdamW, oneCycleRate } from '../../src/tensor/optimiser.ts';
import { Golden } from '../support/golden.ts';
import { expectClose } from '../support/cases.ts';
import { VARIANTS } from '../support/kernel-twins.ts';

const golden = new Golden('optimiser.safetensors');
const MEMORY_BYTES = 1 << 20;

describe('optimiser, PyTorch golden', () => {
  it.each([...VARIANTS, 'reference' as const])(
    'ten steps of AdamW, every other one clipped, on %s',
    (variant) => {
      const kernels =
        variant === 'reference'
          ? referenceKernels(MEMORY_BYTES)
          : loadKernels({ variant, memoryBytes: MEMORY_BYTES });
      const [rows, count] = golden.tensor('parameter').shape;
      const optimiser = new AdamW(kernels, count, {
        weightDecay: golden.setting('weight_decay'),
        clipNorm: golden.setting('clip_norm'),
      });
      optimiser.parameters.set(golden.row('parameter', 0));
      let clippedCount = 0;
      for (let step = 0; step + 1 < rows; step++) {
        optimiser.gradients.set(golden.row('gradient', step));
        const norm = optimiser.step(golden.values('rate')[step]);
        if (norm > golden.setting('clip_norm')) clippedCount++;
        expectClose([norm], [golden.values('norm')[step]], (value) => 1e-6 * value);
        // A step rounds a parameter (up to 3) three times: the decay factor, the decayed value, the difference. The move
        // itself is up to 0.05 and good to a few roundings.
        expectClose(optimiser.parameters, golden.row('parameter', step + 1), (value) => {
          return ((step + 1) * (3 * Math.abs(value) + 4 * 0.05)) / 2 ** 24;
        });
      }
      expect(clippedCount).toBe(5);
    },
  );

  it.each([
    [10, 30],
    [100, 30],
    [37, 10],
    [1000, 25],
  ])('one-cycle rates of %i steps, %i %% rising', (stepCount, risePercent) => {
    const expected = golden.values(`cycle.${stepCount}.${risePercent}`);
    expect(expected).toHaveLength(stepCount);
    const actual = Array.from(expected, (_, step) =>
      oneCycleRate(step, stepCount, { peakRate: 1, riseFraction: risePercent / 100 }),
    );
    // The file holds float32.
    expectClose(actual, expected, (rate) => 2 ** -23 * rate);
  });
});
