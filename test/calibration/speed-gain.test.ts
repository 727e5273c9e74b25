import { describe, expect, it } from 'vitest';
import { fitWiener } from '../../src/calibration/closed-form-wiener.ts';
import { speedGain, withGain } from '../../src/calibration/speed-gain.ts';
import { splitBins } from '../../src/calibration/splits.ts';
import { Rng } from '../../src/core/rng.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';

/** One channel that is the x velocity plus noise, one that is the y velocity plus noise. */
function noisy(noise: number, binCount = 4000): BinnedRecording {
  const rng = new Rng(5);
  const values = Float32Array.from({ length: binCount * 2 }, () => rng.normal());
  return {
    name: 'noisy',
    binMs: 20,
    binCount,
    channels: [{ label: 'a', unit: 'count' }, { label: 'b', unit: 'count' }], // prettier-ignore
    features: values.map((value) => value + noise * rng.normal()),
    target: { name: 'velocity', labels: ['x', 'y'], unit: 'm/s', values },
    segments: [{ startBin: 0, endBin: binCount }],
  };
}

function fitted(recording: BinnedRecording): Model {
  const { model } = fitWiener(recording, splitBins(recording.binCount), { lagCount: 1, smoothings: [0] });
  const { smoothing, ...parts } = model;
  return {
    kind: 'wiener',
    ...parts,
    features: { name: 'spikeCounts', smoothing, channelLabels: ['a', 'b'] },
    output: { name: 'velocity', labels: ['x', 'y'], unit: 'm/s' },
    binMs: 20,
    provenance: { seed: 1 },
  };
}

describe('speedGain', () => {
  const gainOf = (recording: BinnedRecording): number =>
    speedGain(fitted(recording), recording, splitBins(recording.binCount).test, loadKernels());

  it('is what the decoded velocity falls short by', () => {
    const recording = noisy(0);
    const { test } = splitBins(recording.binCount);
    const exact = fitted(recording);
    const own = speedGain(exact, recording, test, loadKernels());
    expect(own).toBeCloseTo(1, 1);
    expect(speedGain(withGain(exact, 0.5), recording, test, loadKernels())).toBeCloseTo(2 * own, 4);
    expect(speedGain(withGain(exact, 1.5), recording, test, loadKernels())).toBe(1); // never slows down
  });

  it('undoes what noise shrinks a regression by: 1 + its variance at least, the penalty shrinks too', () => {
    const gain = gainOf(noisy(0.7));
    expect(gain).toBeGreaterThan(1.4);
    expect(gain).toBeLessThan(1.75);
  });

  it('is limited, and 1 where nothing moves', () => {
    expect(gainOf(noisy(5))).toBe(3);
    const still = noisy(1);
    const model = fitted(still);
    still.target.values.fill(0);
    expect(speedGain(model, still, { startBin: 0, endBin: 100 }, loadKernels())).toBe(1);
  });

  it('makes a model whose decoded velocity has the speed that was meant', () => {
    const recording = noisy(0.7);
    const range = splitBins(recording.binCount).test;
    const model = fitted(recording);
    const gain = speedGain(model, recording, range, loadKernels());
    const faster = withGain(model, gain);
    expect(speedGain(faster, recording, range, loadKernels())).toBeCloseTo(1, 5);
    expect(faster.provenance).toMatchObject({ seed: 1 });
    expect(faster.provenance['speedGain']).toBe(gain);
  });
});
