/** The methods that learn a readout of frozen features: ridge regression, and recursive least squares. */
import type { Segment } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import { frozenFeatures } from './frozen-features.ts';
import {
  applyReadout,
  fitReadouts,
  normalisedTargets,
  READOUT_PENALTIES,
  readoutOf,
  withReadout,
} from './readout-fit.ts';
import { RecursiveReadout } from './recursive-least-squares.ts';
import { scoreBlocks } from './session-scores.ts';
import type { Fitted, SessionTask } from './session-task.ts';

/**
 * A penalty is chosen on the held-out blocks, and used on all data.
 * @param judged has learned nothing from the held-out blocks
 * @param model what gets the new readout: the same, or one that has learned from all data since
 */
export function fitReadout(
  { prepared, recording, blocks, host }: SessionTask,
  judged: Model = prepared,
  model: Model = judged,
): Fitted {
  const featuresOf = (of: Model): Float32Array => frozenFeatures(of, recording, host.makeKernels());
  const features = featuresOf(judged);
  const targets = normalisedTargets(model, recording);
  const scored = fitReadouts(readoutOf(judged), features, targets, blocks.fit, READOUT_PENALTIES).map(
    (readout) => scoreBlocks(recording, inUnits(model, applyReadout(readout, features)), blocks.heldOut),
  );
  const best = scored.reduce(
    (at, { metrics }, i) => (metrics.r2Mean > scored[at].metrics.r2Mean ? i : at),
    0,
  );
  const [readout] = fitReadouts(
    readoutOf(model),
    model === judged ? features : featuresOf(model),
    targets,
    recording.segments,
    [READOUT_PENALTIES[best]],
  );
  return { model: withReadout(model, readout), scores: scored[best] };
}

const RLS_PRIOR_BINS = 30;

/** Each held-out block is predicted before anything of it is learned. */
export function learnBinByBin({ prepared, recording, blocks, host }: SessionTask): Fitted {
  const features = frozenFeatures(prepared, recording, host.makeKernels());
  const targets = normalisedTargets(prepared, recording);
  const featureCount = features.length / recording.binCount;
  const outputCount = recording.target.labels.length;
  const learn = (rows: readonly Segment[], outputs?: Float32Array): RecursiveReadout => {
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
    }
    return recursive;
  };
  const outputs = new Float32Array(targets.length);
  learn(blocks.fit, outputs);
  const scores = scoreBlocks(recording, inUnits(prepared, outputs), blocks.heldOut);
  return { model: withReadout(prepared, learn(recording.segments).refresh()), scores };
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
