import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { findDecoderKind } from '../../src/decoders/registry.ts';
import { writeModelFile } from '../../src/host/model-store.ts';
import { jsonOf, runCli } from '../support/cli.ts';
import { SMALL, writeSmallRecording } from '../support/cli-files.ts';
import { runHere } from '../support/cli-in-process.ts';
import { infoReport } from '../support/cli-reports.ts';
import { randomModel } from '../support/decoder-models.ts';

/** Counts, not smoothed; 12 channels of which the third is ignored, 2 outputs. */
const SHAPE = { inputCount: SMALL.channelCount, outputCount: 2 };
const GRU_WEIGHTS = 12 * 12 + 12 * 4 + 2 * 4;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-info-'));
  writeSmallRecording(join(folder, 'small.mat'));
  const models = { gru: { hiddenCount: 4 }, 'spiking-ssm': { width: 4, layerCount: 1 }, wiener: {} };
  for (const [name, config] of Object.entries(models)) {
    const model = randomModel(findDecoderKind(name), SHAPE, config, 1);
    const features = { ...model.features, smoothing: 0 };
    const output = { ...model.output, labels: ['x', 'y'] };
    const made = { ...model, features, output, binMs: 50, provenance: { recording: 'by hand', seeds: [1] } };
    writeModelFile(join(folder, name), made);
    if (name === 'gru') writeModelFile(join(folder, 'int8'), quantiseModel(made));
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function infoOf(...args: string[]): Promise<z.infer<typeof infoReport>> {
  const result = await runHere(['info', ...args, '--json'], folder);
  expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
  return infoReport.parse(jsonOf(result));
}

describe('betz info', () => {
  it('says what a model is and what it needs', async () => {
    const parameters = GRU_WEIGHTS + 12 + 12 + 2;
    expect(await infoOf('gru')).toMatchObject({
      decoder: 'gru',
      config: { hiddenCount: 4, layerCount: 1 },
      provenance: { recording: 'by hand', seeds: [1] },
      precision: 'float32',
      parameters,
      bytes: { float32: 4 * parameters, int8: GRU_WEIGHTS + 4 * 26 + 4 * 26 },
      stateBytes: 16,
      denseOperations: GRU_WEIGHTS,
      stateUpdateTotal: { multiplications: 8, additions: 20, functions: 12 },
      readIn: null,
      measured: null,
      model: 'gru',
    });
  });

  it('says the same of an int8 model, and that it is one', async () => {
    const { precision, ...int8 } = await infoOf('int8');
    const { precision: before, ...float32 } = await infoOf('gru');
    expect([before, precision]).toEqual(['float32', 'int8']);
    // Weights that were small are zero now.
    expect({ ...int8, model: '', connectionSparsity: 0 }).toEqual({ ...float32, model: '' });
  });

  it('counts operations on the last 20 % of a recording, and estimates their energy', async () => {
    const { measured } = await infoOf('gru', '--recording', 'small.mat');
    const inputs = measured?.maps[0];
    expect(measured).toMatchObject({
      binCount: 0.2 * SMALL.binCount,
      effectiveAcs: 0,
      spikeRate: null,
      recording: 'small.mat',
    });
    expect(inputs).toMatchObject({ name: 'rnn.weight_ih_l0', operation: 'MAC' });
    // Of the channels one is silent and one ignored; the rest have spikes in some bins and not in others.
    expect(inputs?.effectiveOperations).toBeGreaterThan(0);
    expect(inputs?.effectiveOperations).toBeLessThan(12 * 10);
    const hidden = 48 - 48 / (0.2 * SMALL.binCount); // zeros go in at first
    expect(measured?.countMacs).toBe(inputs?.effectiveOperations);
    expect(measured?.effectiveMacs).toBeCloseTo((inputs?.effectiveOperations ?? 0) + hidden + 8, 9);
    expect(measured?.energyEstimatePj.maps).toBeCloseTo(4.6 * (measured?.effectiveMacs ?? 0), 9);
    expect(measured?.energyEstimatePj.stateUpdates).toBeCloseTo(8 * 3.7 + 20 * 0.9, 9);
  });

  it('knows spikes', async () => {
    const { measured } = await infoOf('spiking-ssm', '--recording', 'small.mat');
    const mix = measured?.maps.find(({ inputs }) => inputs === 'spikes');
    expect(mix?.operation).toBe('AC');
    expect(measured?.effectiveAcs).toBeCloseTo(32 * (measured?.spikeRate ?? 0), 9);
    expect(measured?.activationSparsity).toBeCloseTo(1 - (measured?.spikeRate ?? 0), 9);
  });

  it('tells people', async () => {
    const { code, stdout, stderr } = await runCli(['info', 'gru', '--recording', 'small.mat'], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^decoder +gru, float32\ninput +12 channels, bins of 50 ms\n/);
    expect(stdout).toMatch(/^made +recording by hand$/m);
    expect(stdout).toMatch(/^ {2}12 x 12 +rnn\.weight_ih_l0, of spike counts$/m);
    expect(stdout).toMatch(/^effective MACs +\d+, of which \d+ have a spike count as input$/m);
    expect(stdout).toMatch(/^energy, an estimate +[\d.]+ nJ, and 0\.0476 nJ for state updates/m);
    expect(stdout).not.toContain('spike rate');
    const spiking = await runHere(['info', 'spiking-ssm', '--recording', 'small.mat'], folder);
    expect(spiking.stdout).toMatch(/^spike rate +\d+\.\d % of neurons and bins$/m);
    const closedForm = await runHere(['info', 'wiener'], folder);
    expect(closedForm.stdout).toMatch(/ in float32, no int8 form$/m);
    expect(closedForm.stdout).not.toContain('energy');
  });
});
