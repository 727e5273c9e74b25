/**
 * A new readout on frozen features, in closed form: ridge regression towards the readout that there is, so that little data change
 * little. With residuals r = y - F w0 - b0 of the old readout, (F^T F + p I) d = F^T r and w = w0 + d (features and residuals
 * centred; the intercept is free). Hoerl and Kennard 1970; one Lanczos process serves all penalties (ridge.ts).
 */
import { ridgePath } from '../ridge.ts';
import type { BinnedRecording, Segment } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import { findDecoderKind } from '../../decoders/registry.ts';
import { assert } from '../../core/errors.ts';

/** Relative to the mean diagonal element of F^T F: from no shrinkage at all to hardly a change. */
export const READOUT_PENALTIES: readonly number[] = Array.from({ length: 17 }, (_, i) => 10 ** (-4 + i / 2));

/** Normalised outputs = features x weight^T + bias. */
export interface Readout {
  /** [outputCount x featureCount] */
  weight: Float32Array;
  /** [outputCount] */
  bias: Float32Array;
}

export function readoutOf(model: Model): Readout {
  const { weight, bias } = readoutNames(model);
  return { weight: model.tensors[weight].data, bias: model.tensors[bias].data };
}

export function withReadout(model: Model, readout: Readout): Model {
  const names = readoutNames(model);
  const { tensors } = model;
  return {
    ...model,
    tensors: {
      ...tensors,
      [names.weight]: { shape: tensors[names.weight].shape, data: readout.weight },
      [names.bias]: { shape: tensors[names.bias].shape, data: readout.bias },
    },
  };
}

/**
 * @param features [binCount x featureCount]
 * @param targets normalised, [binCount x outputCount]
 * @param rows the bins to fit on
 * @returns one readout per penalty
 */
export function fitReadouts(
  prior: Readout,
  features: Float32Array,
  targets: Float32Array,
  rows: readonly Segment[],
  penalties: readonly number[],
): Readout[] {
  const outputCount = prior.bias.length;
  const featureCount = prior.weight.length / outputCount;
  const { means, gram, rowCount } = centredGram(features, featureCount, rows);
  let trace = 0;
  for (let i = 0; i < featureCount; i++) trace += gram[i * (featureCount + 1)];
  const absolute = penalties.map((penalty) => Math.max((penalty * trace) / featureCount, Number.MIN_VALUE));
  const residuals = residualsOf(prior, features, targets);
  const perOutput = Array.from({ length: outputCount }, (_, o) => {
    const cross = new Float64Array(featureCount);
    let residualSum = 0;
    for (const { startBin, endBin } of rows) {
      for (let bin = startBin; bin < endBin; bin++) {
        const r = residuals[bin * outputCount + o];
        residualSum += r;
        const at = bin * featureCount;
        for (let i = 0; i < featureCount; i++) cross[i] += r * (features[at + i] - means[i]);
      }
    }
    return { residualMean: residualSum / rowCount, changes: ridgePath(gram, cross, absolute) };
  });
  return penalties.map((_, p) => {
    const weight = prior.weight.slice();
    const bias = prior.bias.slice();
    perOutput.forEach(({ residualMean, changes }, o) => {
      let shift = residualMean;
      for (let i = 0; i < featureCount; i++) {
        weight[o * featureCount + i] += changes[p][i];
        shift -= changes[p][i] * means[i];
      }
      bias[o] += shift;
    });
    return { weight, bias };
  });
}

/** @returns normalised outputs [binCount x outputCount] */
export function applyReadout({ weight, bias }: Readout, features: Float32Array): Float32Array {
  const outputCount = bias.length;
  const featureCount = weight.length / outputCount;
  const binCount = features.length / featureCount;
  const outputs = new Float32Array(binCount * outputCount);
  for (let bin = 0; bin < binCount; bin++) {
    for (let o = 0; o < outputCount; o++) {
      let sum = bias[o];
      for (let i = 0; i < featureCount; i++)
        sum += weight[o * featureCount + i] * features[bin * featureCount + i];
      outputs[bin * outputCount + o] = sum;
    }
  }
  return outputs;
}

/** The session's targets as the core is trained on them. [binCount x outputCount] */
export function normalisedTargets({ normalisation }: Model, { target }: BinnedRecording): Float32Array {
  const { outputMean, outputScale } = normalisation;
  const count = outputMean.length;
  return target.values.map((y, i) => (y - outputMean[i % count]) / outputScale[i % count]);
}

function readoutNames(model: Model): { weight: string; bias: string } {
  const { ends } = findDecoderKind(model.kind);
  assert(ends !== undefined, 'the kind has a readout');
  return ends.readout;
}

function residualsOf(prior: Readout, features: Float32Array, targets: Float32Array): Float32Array {
  const outputs = applyReadout(prior, features);
  return targets.map((y, i) => y - outputs[i]);
}

/** Sums over upper triangle and rows in blocks of four, so that the matrix is read once for four bins. */
function centredGram(
  features: Float32Array,
  featureCount: number,
  rows: readonly Segment[],
): { means: Float64Array; gram: Float64Array; rowCount: number } {
  const n = featureCount;
  const means = new Float64Array(n);
  let rowCount = 0;
  for (const { startBin, endBin } of rows) {
    rowCount += endBin - startBin;
    for (let bin = startBin; bin < endBin; bin++) {
      for (let i = 0; i < n; i++) means[i] += features[bin * n + i];
    }
  }
  for (let i = 0; i < n; i++) means[i] /= rowCount;
  const gram = new Float64Array(n * n);
  const block = new Float64Array(4 * n);
  let held = 0;
  const add = (): void => {
    block.fill(0, held * n);
    for (let i = 0; i < n; i++) {
      const [a, b, c, d] = [block[i], block[n + i], block[2 * n + i], block[3 * n + i]];
      const at = i * n;
      for (let j = i; j < n; j++) {
        gram[at + j] += a * block[j] + b * block[n + j] + c * block[2 * n + j] + d * block[3 * n + j];
      }
    }
    held = 0;
  };
  for (const { startBin, endBin } of rows) {
    for (let bin = startBin; bin < endBin; bin++) {
      for (let i = 0; i < n; i++) block[held * n + i] = features[bin * n + i] - means[i];
      held++;
      if (held === 4) add();
    }
  }
  if (held > 0) add();
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) gram[i * n + j] = gram[j * n + i];
  return { means, gram, rowCount };
}
