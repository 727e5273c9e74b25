/** The methods that learn a readout of frozen features: ridge regression, and recursive least squares. */
import type { Segment } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import { frozenFeatures } from './frozen-features.ts';
import { applyReadout, normalisedTargets, readoutOf, withReadout } from './readout.ts';
import { READOUT_PENALTIES, ReadoutRegression } from './readout-regression.ts';
import { RecursiveReadout } from './recursive-least-squares.ts';
import { inTurns } from '../steps.ts';
import type { Steps } from '../steps.ts';
import { onlySegments } from './ridge-baseline.ts';
import { scoreBlocks, takeRows } from './session-scores.ts';
import type { BlockScores } from './session-scores.ts';
import type { Fitted, SessionTask } from './session-task.ts';

/**
 * A penalty is chosen on the held-out blocks, and used on all data.
 * @param judged has learned nothing from the held-out blocks
 * @param model what gets the new readout: the same, or one that has learned from all data since
 */
export async function fitReadout(
  task: SessionTask,
  judged: Model = task.prepared,
  model: Model = judged,
): Promise<Fitted> {
  return inTurns(readoutSteps(task, judged, model), () => task.host.yieldToHost());
}

function* readoutSteps({ recording, blocks, host }: SessionTask, judged: Model, model: Model): Steps<Fitted> {
  const features = yield* frozenFeatures(judged, recording, host.makeKernels());
  const targets = normalisedTargets(model, recording);
  const regression = new ReadoutRegression(readoutOf(judged), features, targets);
  yield* regression.add(blocks.fit);
  const heldOut = onlySegments(recording, blocks.heldOut);
  const heldOutFeatures = takeRows(features, features.length / recording.binCount, blocks.heldOut);
  const scored: BlockScores[] = [];
  for (const readout of yield* regression.solve(READOUT_PENALTIES)) {
    yield;
    const outputs = inUnits(model, applyReadout(readout, heldOutFeatures));
    scored.push(scoreBlocks(heldOut, outputs, heldOut.segments));
  }
  const best = scored.reduce(
    (at, { metrics }, i) => (metrics.r2Mean > scored[at].metrics.r2Mean ? i : at),
    0,
  );
  let whole = regression;
  if (model === judged) yield* whole.add(blocks.heldOut);
  else {
    const learned = yield* frozenFeatures(model, recording, host.makeKernels());
    whole = new ReadoutRegression(readoutOf(model), learned, targets);
    yield* whole.add(recording.segments);
  }
  const [readout] = yield* whole.solve([READOUT_PENALTIES[best]]);
  return { model: withReadout(model, readout), scores: scored[best] };
}

const RLS_PRIOR_BINS = 30;
/** So many bins of a few hundred features take some 50 ms. */
const RLS_STEP_BINS = 128;

/** Each held-out block is predicted before anything of it is learned. */
export async function learnBinByBin(task: SessionTask): Promise<Fitted> {
  return inTurns(rlsSteps(task), () => task.host.yieldToHost());
}

function* rlsSteps({ prepared, recording, blocks, host }: SessionTask): Steps<Fitted> {
  const features = yield* frozenFeatures(prepared, recording, host.makeKernels());
  const targets = normalisedTargets(prepared, recording);
  const featureCount = features.length / recording.binCount;
  const outputCount = recording.target.labels.length;
  function* learn(rows: readonly Segment[], outputs?: Float32Array): Steps<RecursiveReadout> {
    const recursive = new RecursiveReadout(readoutOf(prepared), {
      halfLifeBins: Infinity,
      priorBins: RLS_PRIOR_BINS,
    });
    const isLearned = markRows(rows, recording.binCount);
    for (let bin = 0; bin < recording.binCount; bin++) {
      const row = features.subarray(bin * featureCount, (bin + 1) * featureCount);
      if (outputs !== undefined)
        recursive.predict(row, outputs.subarray(bin * outputCount, (bin + 1) * outputCount));
      if (isLearned[bin] === 1)
        recursive.learn(row, targets.subarray(bin * outputCount, (bin + 1) * outputCount));
      if ((bin + 1) % RLS_STEP_BINS === 0) yield;
    }
    return recursive;
  }
  const outputs = new Float32Array(targets.length);
  yield* learn(blocks.fit, outputs);
  const scores = scoreBlocks(recording, inUnits(prepared, outputs), blocks.heldOut);
  const learned = yield* learn(recording.segments);
  return { model: withReadout(prepared, learned.refresh()), scores };
}

function markRows(rows: readonly Segment[], binCount: number): Uint8Array {
  const marked = new Uint8Array(binCount);
  for (const { startBin, endBin } of rows) marked.fill(1, startBin, endBin);
  return marked;
}

function inUnits({ normalisation }: Model, outputs: Float32Array): Float32Array {
  const { outputMean, outputScale } = normalisation;
  const count = outputMean.length;
  return outputs.map((y, i) => y * outputScale[i % count] + outputMean[i % count]);
}
