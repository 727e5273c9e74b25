/** The laws of streaming stages (src/signal/stage.ts), for every stage: a new stage calls this from its test. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { createBlock } from '../../src/signal/block.ts';
import type { BlockShape } from '../../src/signal/block.ts';
import type { Stage } from '../../src/signal/stage.ts';
import { drawRows, readRows, runRecycled, runWhole, writeRows } from '../support/block-stream.ts';

const ODDS = { gap: 0.03, join: 0.02 };

export function itObeysStageLaws(create: () => Stage): void {
  it('gives the same output for any split, from recycled buffers, with empty blocks in between', () => {
    checkRandomStreams((rng, shape) => {
      expectSameOutput(create, shape, rng);
    });
  });

  it('is not changed by an empty block', () => {
    checkRandomStreams((rng, shape) => {
      const stage = create();
      const output = stage.prepare(shape);
      const rows = drawRows(rng, shape, shape.maxRows, ODDS);
      expect(runWhole(stage, shape, output, [])).toEqual([]);
      expect(runWhole(stage, shape, output, rows)).toEqual(freshOutput(create, shape, rows));
    });
  });

  it('is as fresh after a reset', () => {
    checkRandomStreams((rng, shape) => {
      const stage = create();
      const output = stage.prepare(shape);
      runWhole(stage, shape, output, drawRows(rng, shape, shape.maxRows, ODDS));
      stage.reset();
      const rows = drawRows(rng, shape, shape.maxRows, ODDS);
      expect(runWhole(stage, shape, output, rows)).toEqual(freshOutput(create, shape, rows));
    });
  });

  it('does not change its input', () => {
    checkRandomStreams((rng, shape) => {
      const rows = drawRows(rng, shape, shape.maxRows, ODDS);
      const stage = create();
      const output = createBlock(stage.prepare(shape));
      const input = createBlock(shape);
      writeRows(input, rows);
      stage.process(input, output);
      expect(readRows(input, shape)).toEqual(rows);
    });
  });
}

/** The first law as an assertion, so that the canaries can show that it bites. */
export function expectSameOutput(create: () => Stage, shape: BlockShape, rng: Rng): void {
  const rows = drawRows(rng, shape, shape.maxRows, ODDS);
  const stage = create();
  const output = stage.prepare(shape);
  expect(runRecycled(stage, shape, output, rows, rng)).toEqual(freshOutput(create, shape, rows));
}

function freshOutput(create: () => Stage, shape: BlockShape, rows: ReturnType<typeof drawRows>) {
  const stage = create();
  return runWhole(stage, shape, stage.prepare(shape), rows);
}

function checkRandomStreams(check: (rng: Rng, shape: BlockShape) => void): void {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 1, max: 120 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 0, max: 3 }),
      (seed, maxRows, channelCount, truthCount) => {
        check(new Rng(seed), { maxRows, channelCount, truthCount, rowMs: 2 });
      },
    ),
    { numRuns: 100 },
  );
}
