import { describe, expect, it } from 'vitest';
import { createLocalPool } from '../../src/calibration/gradient-pool.ts';
import { GradientShard, splitBatch } from '../../src/calibration/gradient-shard.ts';
import { layoutParameters, unflatten } from '../../src/calibration/step-plan.ts';
import type { BatchPart, StepPlan, TrainingData } from '../../src/calibration/step-plan.ts';
import { Rng } from '../../src/core/rng.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { wiener } from '../../src/decoders/wiener/index.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { expectClose } from '../support/cases.ts';
import { randomModel } from '../support/decoder-models.ts';

const SHAPE = { inputCount: 5, outputCount: 2 };
const BINS = 50;
const PLAN: StepPlan = {
  kind: 'gru',
  config: gru.configSchema.parse({ hiddenCount: 4, inputDropout: 0 }),
  shape: SHAPE,
  windowBins: 9,
  batchCount: 5,
  warmUpBins: 3,
  seed: 1,
};
const STARTS = Int32Array.of(0, 41, 7, 20, 13);
const LAYOUT = layoutParameters(gru.parameters(PLAN.config, SHAPE));

function randomData(): TrainingData {
  const rng = new Rng(1);
  return {
    features: Float32Array.from({ length: BINS * SHAPE.inputCount }, () => rng.normal()),
    targets: Float32Array.from({ length: BINS * SHAPE.outputCount }, () => rng.normal()),
  };
}

const rng = new Rng(2);
const PARAMETERS = Float32Array.from({ length: LAYOUT.count }, () => rng.normal(0, 0.5));
const kernels = () => loadKernels({ memoryBytes: 4 << 20 });

function run(data: TrainingData, part: BatchPart = { start: 0, count: 5 }, plan = PLAN) {
  const gradient = new Float32Array(LAYOUT.count);
  const loss = new GradientShard(kernels(), gru, plan, [data], part).run(1, PARAMETERS, STARTS, gradient);
  return { loss, gradient };
}

describe('layout of parameters', () => {
  it('puts one behind the other, and takes them apart again', () => {
    const specs = [
      { name: 'a', shape: [2, 3] },
      { name: 'scalar', shape: [] },
      { name: 'b', shape: [2] },
    ];
    const layout = layoutParameters(specs);
    expect(layout.count).toBe(9);
    expect(layout.entries.map(({ offset, count }) => [offset, count])).toEqual([
      [0, 6],
      [6, 1],
      [7, 2],
    ]);
    const flat = Float32Array.from({ length: 9 }, (_, i) => i);
    const tensors = unflatten(layout, flat);
    flat.fill(-1); // copies, not views
    expect(tensors).toEqual({
      a: { shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) },
      scalar: { shape: [], data: Float32Array.of(6) },
      b: { shape: [2], data: Float32Array.of(7, 8) },
    });
  });
});

describe('splitBatch', () => {
  it.each([
    [32, 4, [8, 8, 8, 8]],
    [7, 3, [2, 2, 3]],
    [5, 1, [5]],
    [3, 3, [1, 1, 1]],
  ])('of %i rows over %i threads is even, in order and complete', (rows, threads, counts) => {
    const parts = splitBatch(rows, threads);
    expect(parts.map(({ count }) => count)).toEqual(counts);
    let start = 0;
    for (const part of parts) {
      expect(part.start).toBe(start);
      start += part.count;
    }
    expect(start).toBe(rows);
  });
});

describe('GradientShard', () => {
  it('has the loss of the plain-loop decoder, fresh in every window, on the bins behind the warm-up', () => {
    const data = randomData();
    const identity: Model['normalisation'] = {
      featureMean: new Float32Array(5),
      featureScale: new Float32Array(5).fill(1),
      outputMean: new Float32Array(2),
      outputScale: new Float32Array(2).fill(1),
    };
    const model: Model = {
      ...randomModel(gru, SHAPE, PLAN.config, 1),
      tensors: unflatten(LAYOUT, PARAMETERS),
      normalisation: identity,
    };
    let sum = 0;
    for (const start of STARTS) {
      const window = data.features.subarray(start * 5, (start + 9) * 5);
      const outputs = gru.referenceSequence(model, window, 9);
      for (let i = 3 * 2; i < 9 * 2; i++) sum += (outputs[i] - data.targets[start * 2 + i]) ** 2;
    }
    const expected = sum / (5 * 2 * 6);
    expect(Math.abs(run(data).loss - expected)).toBeLessThan(1e-5 * expected);
  });

  it('learns nothing from the bins of the warm-up, and something from the first behind it', () => {
    const expected = run(randomData());
    const changed = (bin: number): TrainingData => {
      const data = randomData();
      data.targets.fill(99, (41 + bin) * 2, (41 + bin + 1) * 2); // in one window only
      return data;
    };
    expect(run(changed(2))).toEqual(expected);
    expect(run(changed(3)).loss).toBeGreaterThan(expected.loss + 1);
  });

  it('never reads beyond its windows', () => {
    const data = randomData();
    const inWindow = (bin: number): boolean => STARTS.some((start) => start <= bin && bin < start + 9);
    data.features.forEach((_, i) => {
      if (!inWindow(Math.floor(i / 5))) data.features[i] = Number.NaN;
    });
    expect(run(data)).toEqual(run(randomData()));
  });

  it('gives parts whose losses and gradients add up to the whole, dropout included', () => {
    const plan = { ...PLAN, config: gru.configSchema.parse({ hiddenCount: 4, inputDropout: 0.5 }) };
    const whole = run(randomData(), { start: 0, count: 5 }, plan);
    const parts = splitBatch(5, 2).map((part) => run(randomData(), part, plan));
    expect(Math.abs(parts[0].loss + parts[1].loss - whole.loss)).toBeLessThan(1e-6 * whole.loss);
    const sum = parts[0].gradient.map((g, i) => g + parts[1].gradient[i]);
    expectClose(sum, whole.gradient, () => 1e-6);
  });

  it('is all there is to a local pool', () => {
    const pool = createLocalPool(kernels(), gru, PLAN, [randomData()]);
    const gradient = new Float32Array(LAYOUT.count);
    const loss = pool.run(1, PARAMETERS, STARTS, gradient);
    pool.close();
    expect(pool.threadCount).toBe(1);
    expect({ loss, gradient }).toEqual(run(randomData()));
  });

  it('is for kinds with a sequence form only', () => {
    const plan = { ...PLAN, kind: 'wiener', config: wiener.configSchema.parse({}) };
    const part = { start: 0, count: 5 };
    expect(() => new GradientShard(kernels(), wiener, plan, [randomData()], part)).toThrow(
      'no sequence form',
    );
  });
});
