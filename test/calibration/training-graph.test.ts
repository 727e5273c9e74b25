/** Steps over several sessions, and steps that leave the core as it is. */
import { describe, expect, it } from 'vitest';
import { GradientShard, splitBatch } from '../../src/calibration/gradient-shard.ts';
import { layoutParameters, learnedParameters } from '../../src/calibration/step-plan.ts';
import type { BatchPart, LearnedPart, StepPlan, TrainingData } from '../../src/calibration/step-plan.ts';
import { sessionParts } from '../../src/calibration/training-graph.ts';
import { Rng } from '../../src/core/rng.ts';
import type { Tensors } from '../../src/decoders/decoder.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { expectClose } from '../support/cases.ts';

const SHAPE = { inputCount: 3, outputCount: 2 };
const SESSIONS = [
  { channelCount: 5, rowCount: 2 },
  { channelCount: 4, rowCount: 4 },
];
const BINS = 40;
const STARTS = Int32Array.of(0, 25, 7, 20, 13, 30);
const WHOLE = { start: 0, count: 6 };
const AUGMENTATION = {
  dropout: 0.2,
  channelDropout: 0.2,
  gainSpread: 0.2,
  offsetSpread: 0.2,
  noise: 0.1,
  shiftBins: 0,
};

function planOf(learns: LearnedPart, changes: Partial<StepPlan> = {}): StepPlan {
  return {
    kind: 'gru',
    config: gru.configSchema.parse({ hiddenCount: 4, inputDropout: 0 }),
    shape: SHAPE,
    windowBins: 6,
    batchCount: 6,
    warmUpBins: 1,
    seed: 5,
    sessions: SESSIONS,
    learns,
    rank: 2,
    ...changes,
  };
}

const rng = new Rng(1);
const DATA: TrainingData[] = SESSIONS.map(({ channelCount }) => ({
  features: Float32Array.from({ length: BINS * channelCount }, () => rng.normal()),
  targets: Float32Array.from({ length: BINS * 2 }, () => rng.normal()),
  restLevels: Float32Array.from({ length: channelCount }, () => rng.uniform(0.5, 1)),
}));
const CORE: Tensors = Object.fromEntries(
  gru.parameters(planOf('all').config, SHAPE).map(({ name, shape }) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return [name, { shape, data: Float32Array.from({ length: count }, () => rng.normal(0, 0.5)) }];
  }),
);

const layoutOf = (plan: StepPlan) => layoutParameters(learnedParameters(gru, plan));

/** Core tensors as they are in CORE, everything else the same for the same name. */
function parametersOf(plan: StepPlan): Float32Array {
  const { count, entries } = layoutOf(plan);
  const flat = new Float32Array(count);
  for (const { name, offset, count: size } of entries) {
    const draw = new Rng(Buffer.from(name).reduce((sum, byte) => sum * 31 + byte, 7) >>> 0);
    const values = Object.hasOwn(CORE, name)
      ? CORE[name].data
      : Float32Array.from({ length: size }, () => draw.normal(0, 0.5));
    flat.set(values, offset);
  }
  return flat;
}

function makeShard(plan: StepPlan, part: BatchPart = WHOLE): GradientShard {
  const kernels = loadKernels({ memoryBytes: 4 << 20 });
  return new GradientShard(kernels, gru, plan, DATA, part, plan.learns === 'all' ? {} : CORE);
}

function run(plan: StepPlan, part?: BatchPart): { loss: number; gradient: Float32Array } {
  const gradient = new Float32Array(layoutOf(plan).count);
  const loss = makeShard(plan, part).run(3, parametersOf(plan), STARTS, gradient);
  return { loss, gradient };
}

describe('a step over two sessions', () => {
  it.each(['all', 'readIn', 'lowRank'] as const)(
    'has the gradient of finite differences when it learns %s',
    (learns) => {
      const plan = planOf(learns, { augmentation: AUGMENTATION });
      const { gradient } = run(plan);
      const parameters = parametersOf(plan);
      const shard = makeShard(plan);
      const unused = new Float32Array(parameters.length);
      const lossAt = (i: number, change: number): number => {
        const moved = parameters.slice();
        moved[i] += change;
        return shard.run(3, moved, STARTS, unused);
      };
      const differences = gradient.map((_, i) => (lossAt(i, 1e-2) - lossAt(i, -1e-2)) / 2e-2);
      expectClose(gradient, differences, (g) => 2e-3 + 0.01 * Math.abs(g));
      expect(gradient.filter((g) => Math.abs(g) > 5e-3).length).toBeGreaterThan(gradient.length / 2);
    },
  );

  it.each([2, 3, 6])('is the sum of its parts on %i threads, whatever is drawn', (threads) => {
    for (const learns of ['all', 'readIn', 'lowRank'] as const) {
      const plan = planOf(learns, { augmentation: AUGMENTATION });
      const whole = run(plan);
      const parts = splitBatch(6, threads).map((part) => run(plan, part));
      expect(Math.abs(parts.reduce((sum, { loss }) => sum + loss, 0) - whole.loss)).toBeLessThan(1e-5);
      const sum = whole.gradient.map((_, i) => parts.reduce((all, { gradient }) => all + gradient[i], 0));
      expectClose(sum, whole.gradient, () => 2e-6);
    }
  });

  it("has the same gradient of the read-ins when the core is not learned, and nothing of the core's", () => {
    const all = planOf('all');
    const only = planOf('readIn');
    const names = layoutOf(only).entries.map(({ name }) => name);
    expect(names).toEqual(
      [0, 1].flatMap((i) => [`sessions.${i}.read_in.weight`, `sessions.${i}.read_in.bias`]),
    );
    const whole = run(all);
    const fixed = run(only);
    expect(Math.abs(fixed.loss - whole.loss)).toBeLessThan(1e-6);
    for (const { name, offset, count } of layoutOf(only).entries) {
      const from = layoutOf(all).entries.find((entry) => entry.name === name)!.offset;
      expectClose(
        fixed.gradient.subarray(offset, offset + count),
        whole.gradient.subarray(from, from + count),
        () => 1e-6,
      );
    }
  });

  it('leaves the read-in of a session alone that has no rows in the part', () => {
    const plan = planOf('all');
    const { gradient } = run(plan, { start: 2, count: 4 });
    for (const { name, offset, count } of layoutOf(plan).entries) {
      const values = gradient.subarray(offset, offset + count);
      expect(
        values.every((g) => g === 0),
        name,
      ).toBe(name.startsWith('sessions.0'));
    }
  });

  it('divides sessions over parts in the order of rows', () => {
    const rows = sessionParts(planOf('all'), { start: 1, count: 3 });
    expect(rows).toEqual([
      { session: 0, inputName: 'input.0', channelCount: 5, firstRow: 1, rowCount: 1 },
      { session: 1, inputName: 'input.1', channelCount: 4, firstRow: 2, rowCount: 2 },
    ]);
  });
});

describe('changes of low rank', () => {
  it('are none at all where one factor is zero, and have the gradient of W + up down^T otherwise', () => {
    const plan = planOf('lowRank');
    const { entries, count } = layoutOf(plan);
    const parameters = parametersOf(plan);
    for (const { name, offset, count: size } of entries)
      if (name.endsWith('.up')) parameters.fill(0, offset, offset + size);
    const gradient = new Float32Array(count);
    const loss = makeShard(plan).run(3, parameters, STARTS, gradient);
    const whole = run(planOf('all'));
    expect(Math.abs(loss - whole.loss)).toBeLessThan(1e-6);
    // d loss / d up = G down, and d loss / d down = G^T up = 0
    let compared = 0;
    for (const { name, offset, shape } of entries) {
      if (name.endsWith('.down')) {
        expect(gradient.subarray(offset, offset + shape[0] * 2).every((g) => g === 0)).toBe(true);
        continue;
      }
      if (!name.endsWith('.up')) continue;
      const matrix = name.slice('low_rank.'.length, -'.up'.length);
      const of = layoutOf(planOf('all')).entries.find((entry) => entry.name === matrix)!;
      const down = entries.find((entry) => entry.name === `low_rank.${matrix}.down`)!;
      const [rows, cols] = of.shape;
      for (let row = 0; row < rows; row++) {
        for (let r = 0; r < 2; r++) {
          let expected = 0;
          for (let col = 0; col < cols; col++)
            expected += whole.gradient[of.offset + row * cols + col] * parameters[down.offset + col * 2 + r];
          expect(gradient[offset + row * 2 + r]).toBeCloseTo(expected, 5);
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(20);
  });
});
