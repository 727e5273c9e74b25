/** Random rows for stages, and two ways to feed them: in one block of their own, or cut up through a reused block. */
import type { Rng } from '../../src/core/rng.ts';
import { createBlock } from '../../src/signal/block.ts';
import type { Block, BlockShape } from '../../src/signal/block.ts';
import type { Stage } from '../../src/signal/stage.ts';

/** One row, owned. */
export interface Row {
  samples: number[];
  truth: number[];
  firstFrame: number;
  lastFrame: number;
  scheduledNs: number;
  arrivalNs: number;
  isJoin: number;
}

/** Rows of one frame each, with gaps and joins of the given probabilities. */
export function drawRows(
  rng: Rng,
  shape: BlockShape,
  count: number,
  odds: { gap?: number; join?: number } = {},
): Row[] {
  let frame = rng.integer(5);
  return Array.from({ length: count }, () => {
    if (rng.uniform() < (odds.gap ?? 0)) frame += 1 + rng.integer(12);
    const row = {
      samples: Array.from({ length: shape.channelCount }, () => rng.poisson(0.4)),
      truth: Array.from({ length: shape.truthCount }, () => Math.fround(rng.normal())),
      firstFrame: frame,
      lastFrame: frame,
      scheduledNs: frame * shape.rowMs * 1e6,
      arrivalNs: frame * shape.rowMs * 1e6 + rng.integer(100_000),
      isJoin: rng.uniform() < (odds.join ?? 0) ? 1 : 0,
    };
    frame++;
    return row;
  });
}

export function writeRows(block: Block, rows: readonly Row[]): void {
  block.rowCount = rows.length;
  rows.forEach((row, i) => {
    block.samples.set(row.samples, i * row.samples.length);
    block.truth.set(row.truth, i * row.truth.length);
    block.firstFrame[i] = row.firstFrame;
    block.lastFrame[i] = row.lastFrame;
    block.scheduledNs[i] = row.scheduledNs;
    block.arrivalNs[i] = row.arrivalNs;
    block.isJoin[i] = row.isJoin;
  });
}

export function readRows(block: Block, shape: BlockShape): Row[] {
  const { channelCount, truthCount } = shape;
  return Array.from({ length: block.rowCount }, (_, i) => ({
    samples: [...block.samples.subarray(i * channelCount, (i + 1) * channelCount)],
    truth: [...block.truth.subarray(i * truthCount, (i + 1) * truthCount)],
    firstFrame: block.firstFrame[i],
    lastFrame: block.lastFrame[i],
    scheduledNs: block.scheduledNs[i],
    arrivalNs: block.arrivalNs[i],
    isJoin: block.isJoin[i],
  }));
}

/** Every row in one block that nobody touches afterwards. @param stage prepared for blocks that long */
export function runWhole(stage: Stage, input: BlockShape, output: BlockShape, rows: readonly Row[]): Row[] {
  const from = createBlock(input);
  const to = createBlock(output);
  writeRows(from, rows);
  stage.process(from, to);
  return readRows(to, output);
}

/**
 * The same rows cut at random, through one input and one output block that are overwritten with rubbish after every
 * call, with empty blocks in between: what a stage kept of a borrowed buffer shows at once.
 */
export function runRecycled(
  stage: Stage,
  input: BlockShape,
  output: BlockShape,
  rows: readonly Row[],
  rng: Rng,
): Row[] {
  const from = createBlock(input);
  const to = createBlock(output);
  const results: Row[] = [];
  for (let start = 0; start < rows.length;) {
    const count = rng.integer(Math.min(input.maxRows, 9) + 1); // 0 is an empty block
    const part = rows.slice(start, start + count);
    start += part.length;
    spoil(to);
    writeRows(from, part);
    stage.process(from, to);
    results.push(...readRows(to, output));
    spoil(from);
  }
  return results;
}

function spoil(block: Block): void {
  block.samples.fill(Number.NaN);
  block.truth.fill(Number.NaN);
  block.firstFrame.fill(-7);
  block.lastFrame.fill(-7);
  block.scheduledNs.fill(-7);
  block.arrivalNs.fill(-7);
  block.isJoin.fill(1);
}
