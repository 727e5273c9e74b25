/** Laws of every engine (src/tensor/engine.ts). */
import { expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import type { BatchNormTensors } from '../../src/tensor/batch-norm.ts';
import type { Engine, Operations, Program, Tensor } from '../../src/tensor/engine.ts';
import type { S4dTensors } from '../../src/tensor/s4d.ts';
import { compileGraph, GRAPHS } from '../support/tensor-graphs.ts';
import type { Graph } from '../support/tensor-graphs.ts';

/** Length of the longer of the two steps along a direction of length 1. */
const STEP = 0.08;
/**
 * Error of the finite difference, in units of 1 + |slope|. The loss is known to about 1e-7 (float32 predictions), so a
 * central difference is known to 1e-7 / STEP = 1.3e-6; Richardson's extrapolation doubles that and leaves a truncation
 * of order STEP^4 = 4e-5 times a fifth derivative.
 */
const TOLERANCE = 1e-4;
const DIRECTIONS = 3;
const DROPOUT_STEP = 3;

export function itObeysEngineLaws(createEngine: () => Promise<Engine>): void {
  const smooth = GRAPHS.filter(({ exempt }) => exempt?.differences === undefined);
  it.each(smooth)('gradients equal finite differences: $name', async (graph) => {
    const { program, parameterShapes } = compileGraph(await createEngine(), graph, 1);
    const rng = new Rng(2);
    for (const name of Object.keys(parameterShapes)) {
      if (graph.statistics?.includes(name)) continue;
      for (let i = 0; i < DIRECTIONS; i++) expectSlope(program, name, rng);
    }
    program.dispose();
  });

  it.each(GRAPHS)('runs leave nothing behind: $name', async (graph) => {
    const { program } = compileGraph(await createEngine(), graph, 1);
    const first = resultOf(program, DROPOUT_STEP);
    resultOf(program, DROPOUT_STEP + 1);
    const evaluation = program.evaluate();
    expect(resultOf(program, DROPOUT_STEP)).toEqual(first);
    expect(program.evaluate()).toBe(evaluation);
    program.dispose();
  });

  it('dropout masks differ from step to step, and are off in an evaluation', async () => {
    const engine = await createEngine();
    const { program } = compileGraph(engine, namedGraph('dropout'), 1);
    const zeros = (): number => program.read('prediction').filter((value) => value === 0).length;
    program.evaluate();
    expect(zeros()).toBe(0);
    program.run(1);
    const first = program.read('prediction');
    const firstZeros = zeros();
    expect(firstZeros).toBeGreaterThan(0.1 * first.length);
    expect(firstZeros).toBeLessThan(0.5 * first.length);
    program.run(2);
    expect(program.read('prediction')).not.toEqual(first);
    program.dispose();
  });

  it('a parameter that the loss does not depend on has a gradient of zero', async () => {
    const { program } = compileGraph(await createEngine(), namedGraph('a parameter that'), 1);
    program.run(1);
    expect(Array.from(program.gradient('unused')).every((value) => value === 0)).toBe(true);
    program.dispose();
  });

  it('what is written can be read, and writing keeps no reference', async () => {
    const { program } = compileGraph(await createEngine(), namedGraph('linear of data'), 1);
    for (const name of ['x', 'w']) {
      const values = program.read(name).map((_, i) => i / 8);
      program.write(name, values);
      values.fill(0);
      expect(Array.from(program.read(name))).toEqual(Array.from(values, (_, i) => i / 8));
      program.read(name).fill(0);
      expect(program.read(name)[1]).toBe(1 / 8);
    }
    program.dispose();
  });

  it('the loss is the weighted mean of squares', async () => {
    const engine = await createEngine();
    const program = engine.compile(
      (ops) => {
        const prediction = ops.parameter('prediction', [3, 2, 1]);
        const target = ops.input('target', [3, 2, 1]);
        return { losses: [ops.squaredError(prediction, target, ops.input('weight', [3]))], outputs: {} };
      },
      { seed: 1 },
    );
    program.write('prediction', Float32Array.of(9, 9, 1, 2, 3, 4));
    program.write('target', Float32Array.of(0, 0, 0, 0, 1, 1));
    program.write('weight', Float32Array.of(0, 1, 3)); // the first step does not count
    const expected = (1 * (1 + 4) + 3 * (4 + 9)) / (2 * 1 * 4);
    expect(program.evaluate()).toBeCloseTo(expected, 6);
    expect(program.run(1)).toBeCloseTo(expected, 6);
    expect(Array.from(program.gradient('prediction'))).toEqual([0, 0, 0.25, 0.5, 1.5, 2.25]);
    program.dispose();
  });

  it('parts of a batch add up to the whole', async () => {
    const engine = await createEngine();
    const split = GRAPHS.filter(({ inputs, exempt }) => 'x' in inputs && exempt?.parts === undefined);
    for (const graph of split) {
      const whole = compileGraph(engine, graph, 5).program;
      const parts = [
        { start: 0, count: 1, globalCount: 3 },
        { start: 1, count: 2, globalCount: 3 },
      ].map((batch) => compileGraph(engine, graph, 5, batch).program);
      expect(sum(parts.map((part) => part.evaluate()))).toBeCloseTo(whole.evaluate(), 6);
      expect(sum(parts.map((part) => part.run(DROPOUT_STEP)))).toBeCloseTo(whole.run(DROPOUT_STEP), 6);
      for (const name of whole.parameterNames) {
        whole.gradient(name).forEach((gradient, i) => {
          expect(sum(parts.map((part) => part.gradient(name)[i]))).toBeCloseTo(gradient, 5);
        });
      }
      for (const program of [whole, ...parts]) program.dispose();
    }
  });

  it('refuses shapes that do not fit, unknown names and wrong lengths', async () => {
    const engine = await createEngine();
    const compile = (predict: (ops: Operations, x: Tensor) => Tensor, weightCount = 2): unknown =>
      engine.compile(
        (ops) => {
          const prediction = predict(ops, ops.input('x', [2, 2, 3]));
          const target = ops.input('target', prediction.shape);
          return {
            losses: [ops.squaredError(prediction, target, ops.input('weight', [weightCount]))],
            outputs: {},
          };
        },
        { seed: 1 },
      );
    const parameter = (ops: Operations, ...shape: number[]): Tensor =>
      ops.parameter(`p${shape.join('x')}`, shape);
    expect(() => compile((ops, x) => ops.linear(x, parameter(ops, 3, 4)))).toThrow('linear');
    expect(() => compile((ops, x) => ops.linear(x, parameter(ops, 4, 3), parameter(ops, 3)))).toThrow('bias');
    expect(() => compile((ops, x) => ops.add(x, parameter(ops, 2, 3, 2)))).toThrow('shapes differ');
    expect(() => compile((ops, x) => ops.multiply(x, parameter(ops, 2, 3)))).toThrow('shapes differ');
    expect(() => compile((ops, x) => ops.gruScan(x, parameter(ops, 3, 3), parameter(ops, 3)))).toThrow(
      'gruScan',
    );
    expect(() => compile((ops, x) => ops.gruScan(x, parameter(ops, 3, 1), parameter(ops, 1)))).toThrow(
      'gruScan',
    );
    for (const headCount of [1, 2]) {
      // Widths of 1 and 1/2.
      expect(() => compile((ops, x) => ops.bandedAttention(x, headCount, 2))).toThrow('bandedAttention');
    }
    expect(() => compile((ops) => ops.bandedAttention(parameter(ops, 2, 2, 6), 1, 0))).toThrow('window');
    expect(() => compile((ops, x) => ops.shiftMix(x, parameter(ops, 2)))).toThrow('shiftMix');
    const wkv = (valueWidth: number, decayCount: number, firstCount: number) => (): unknown =>
      compile((ops, x) => {
        const value = parameter(ops, 2, 2, valueWidth);
        return ops.wkvScan(x, value, parameter(ops, decayCount), parameter(ops, firstCount));
      });
    expect(wkv(2, 3, 3)).toThrow('shapes differ');
    expect(wkv(3, 2, 3)).toThrow('wkvScan');
    expect(wkv(3, 3, 4)).toThrow('wkvScan');
    expect(() => compile((ops, x) => ops.causalConv(x, parameter(ops, 4, 1, 2), parameter(ops, 3)))).toThrow(
      'causalConv',
    );
    expect(() => compile((ops, x) => ops.causalConv(x, parameter(ops, 3, 2), parameter(ops, 3)))).toThrow(
      'causalConv',
    );
    const scan = (states: number[], aLog: number[], skip: number, dt = [2, 2, 3]) =>
      compile((ops, x) => {
        const b = parameter(ops, ...states);
        return ops.selectiveScan(
          x,
          parameter(ops, ...dt),
          parameter(ops, ...aLog),
          b,
          b,
          parameter(ops, skip),
        );
      });
    expect(() => scan([2, 1, 4], [3, 4], 3)).toThrow('selectiveScan');
    expect(() => scan([2, 2, 4], [3, 5], 3)).toThrow('selectiveScan');
    expect(() => scan([2, 2, 4], [3, 4], 4)).toThrow('selectiveScan');
    expect(() => scan([2, 2, 4], [3, 4], 3, [2, 2, 4])).toThrow('shapes differ');
    expect(() => compile((ops, x) => ops.layerNorm(x, parameter(ops, 3), parameter(ops, 2)))).toThrow(
      'layerNorm',
    );
    expect(() => compile((ops, x) => ops.rmsNorm(x, parameter(ops, 2)))).toThrow('rmsNorm');
    expect(() => compile((ops, x) => ops.slice(x, 2, 2))).toThrow('slice');
    expect(() => compile((ops, x) => ops.glu(x))).toThrow('glu');
    const norm = (ops: Operations, width: number): BatchNormTensors => ({
      gain: parameter(ops, 3),
      bias: parameter(ops, 3),
      runningMean: parameter(ops, width),
      runningVariance: parameter(ops, 3),
    });
    expect(() => compile((ops, x) => ops.batchNorm(x, norm(ops, 2)))).toThrow('batchNorm');
    const stateSpace = (ops: Operations, states: number): S4dTensors => ({
      logDt: parameter(ops, 3),
      logAReal: parameter(ops, 3, states),
      aImag: parameter(ops, 3, 2),
      c: parameter(ops, 3, 2, 2),
      d: parameter(ops, 3),
    });
    expect(() => compile((ops, x) => ops.s4dScan(x, stateSpace(ops, 4)))).toThrow('s4dScan');
    expect(() =>
      compile((ops, x) => ops.spikingScan(x, parameter(ops, 2), { type: 'ilif', decay: 0, levelCount: 2 })),
    ).toThrow('spikingScan');
    const surrogate = { shape: 'dspike', sharpness: 3 } as const;
    expect(() =>
      compile((ops, x) => {
        const lnRho = parameter(ops, 4);
        const neuron = { type: 'alif', decay: 0, adaptation: 1, lnRho, surrogate } as const;
        return ops.spikingScan(x, parameter(ops, 3), neuron);
      }),
    ).toThrow('spikingScan');
    expect(() => compile((ops, x) => ops.tanh(x), 3)).toThrow('one weight per time step');
    const { program } = compileGraph(engine, namedGraph('linear of data'), 1);
    expect(() => {
      program.write('x', new Float32Array(1));
    }).toThrow('x has 105 values, got 1');
    expect(() => {
      program.write('nothing', new Float32Array(1));
    }).toThrow('nothing');
    expect(() => program.read('nothing')).toThrow('nothing');
    expect(() => program.gradient('x')).toThrow('x');
    program.dispose();
  });
}

/** The slope along a random direction in one parameter, by the gradient and by differences. */
function expectSlope(program: Program, name: string, rng: Rng): void {
  program.run(DROPOUT_STEP);
  const gradient = program.gradient(name).slice();
  const start = program.read(name);
  const direction = Float64Array.from(start, () => rng.normal());
  const length = Math.sqrt(sum(Array.from(direction, (d) => d * d)));
  const slope = sum(Array.from(direction, (d, i) => (d / length) * gradient[i]));
  const lossAt = (distance: number): number => {
    program.write(
      name,
      start.map((value, i) => value + (distance * direction[i]) / length),
    );
    return program.run(DROPOUT_STEP);
  };
  const central = (step: number): number => (lossAt(step) - lossAt(-step)) / (2 * step);
  const difference = (4 * central(STEP / 2) - central(STEP)) / 3;
  program.write(name, start);
  const error = Math.abs(slope - difference) / (1 + Math.abs(difference));
  expect(error, `${name}: gradient ${slope}, difference ${difference}`).toBeLessThan(TOLERANCE);
}

function resultOf(program: Program, step: number): unknown {
  const loss = program.run(step);
  const gradients = program.parameterNames.map((name) => Array.from(program.gradient(name)));
  return { loss, gradients, prediction: Array.from(program.read('prediction')) };
}

function namedGraph(start: string): Graph {
  const graph = GRAPHS.find(({ name }) => name.startsWith(start));
  if (graph === undefined) throw new Error(`no graph is called '${start}...'`);
  return graph;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
