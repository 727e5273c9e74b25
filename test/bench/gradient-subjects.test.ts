import { describe, expect, it } from 'vitest';
import { gradientSubjects } from '../../src/bench/gradient-subjects.ts';
import { simulatedCounts } from '../../src/bench/latency.ts';
import { decoderKinds } from '../../src/decoders/registry.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

const OPTIONS = {
  inputCount: 40,
  hiddenCounts: [8, 16],
  spikeRate: 0.15,
  seed: 3,
  warmStepCount: 1,
  pacedSeconds: 1,
  binMs: 10,
};

describe('decoders to time', () => {
  it('are GRUs of every size asked for and each other kind that is trained by gradient, in both precisions', () => {
    const others = decoderKinds.filter(({ name, training }) => training === 'gradient' && name !== 'gru');
    const names = ['gru', 'gru', ...others.map(({ name }) => name)];
    const subjects = gradientSubjects(OPTIONS);
    expect(subjects.map(({ kind }) => kind.name)).toEqual(names.flatMap((name) => [name, name]));
    expect(subjects.slice(0, 4).map(({ size }) => size)).toEqual(['40-8', '40-8', '40-16', '40-16']);
  });

  it('cannot spike in nearly every bin, and are refused then', () => {
    const error = betzErrorOf(() => gradientSubjects({ ...OPTIONS, spikeRate: 0.9 }));
    expect(error).toMatchObject({ code: 'CFG_SPIKE_RATE', value: 0.9 });
  });

  it('are refused in a size that a kind cannot have', () => {
    const error = betzErrorOf(() => gradientSubjects({ ...OPTIONS, hiddenCounts: [5000] }));
    expect(error.code).toBe('DEC_CONFIG_INVALID');
  });

  it.each([0.05, 0.15, 0.3])('spike about as often as is asked for: %d', (spikeRate) => {
    const spiking = gradientSubjects({ ...OPTIONS, spikeRate }).filter(
      ({ kind }) => kind.name === 'spiking-ssm',
    );
    expect(spiking).toHaveLength(2);
    for (const { kind, model } of spiking) {
      const decoder = kind.createDecoder(model, loadKernels());
      const output = new Float32Array(2);
      for (const row of simulatedCounts(OPTIONS.inputCount, 400, 9)) decoder.step(row, output);
      expect(decoder.spikeRate).toBeGreaterThan(0.8 * spikeRate);
      expect(decoder.spikeRate).toBeLessThan(1.2 * spikeRate);
    }
  });
});
