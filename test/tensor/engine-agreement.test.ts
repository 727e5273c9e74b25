/** The wasm engine against TensorFlow.js, an automatic differentiation that shares no line with it. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/tensor/engine.ts';
import { ENGINES, TFJS_ENGINE, WASM_ENGINES } from '../support/engines.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { compileGraph, GRAPHS, gruGraph } from '../support/tensor-graphs.ts';
import type { Graph } from '../support/tensor-graphs.ts';

/**
 * Both sides compute in float32 with activations that are within 2e-7; sums over time and batch add tens of such errors.
 * A wrong or missing term is larger by orders of magnitude.
 */
const TOLERANCE = 1e-5;

function expectAgreement(engine: Engine, oracle: Engine, graph: Graph, seed: number, step: number): void {
  const [program, expected] = [engine, oracle].map((each) => compileGraph(each, graph, seed).program);
  try {
    expectClose([program.evaluate()], [expected.evaluate()], relative);
    expectClose(program.read('prediction'), expected.read('prediction'), relative);
    expectClose([program.run(step)], [expected.run(step)], relative); // dropout on, the same masks
    expectClose(program.read('prediction'), expected.read('prediction'), relative);
    expect(program.parameterNames).toEqual(expected.parameterNames);
    for (const name of program.parameterNames) {
      expectClose(program.gradient(name), expected.gradient(name), relative);
    }
  } finally {
    program.dispose();
    expected.dispose();
  }
}

function relative(expected: number): number {
  return TOLERANCE * (1 + Math.abs(expected));
}

describe.each(WASM_ENGINES)('engine $name agrees with TensorFlow.js', ({ create }) => {
  let engine: Engine;
  let oracle: Engine;
  beforeAll(async () => {
    engine = await create();
    oracle = await TFJS_ENGINE.create();
  });

  it.each(GRAPHS)('$name: outputs and every gradient', (graph) => {
    expectAgreement(engine, oracle, graph, 7, 4);
  });

  it('GRU decoders of any size, any step', () => {
    const size = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
    const cases = fc.record({
      sizes: fc.record({
        layers: size(3),
        inputs: size(20),
        hidden: size(18),
        outputs: size(3),
        time: size(9),
        batch: size(5),
      }),
      step: fc.nat(100_000),
      seed: seeds,
    });
    forEachCase(cases, 25, ({ sizes, step, seed }) => {
      expectAgreement(engine, oracle, gruGraph(sizes), seed, step);
    });
  });
});

it('dropout keeps the same elements on every engine', async () => {
  const graph = GRAPHS.find(({ name }) => name === 'dropout');
  const kept: boolean[][] = [];
  for (const { create } of ENGINES) {
    const { program } = compileGraph(await create(), graph!, 3);
    program.run(12);
    kept.push(Array.from(program.read('prediction'), (value) => value !== 0));
    program.dispose();
  }
  for (const others of kept) expect(others).toEqual(kept[0]);
});
