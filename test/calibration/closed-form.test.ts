import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { decodeRange } from '../../src/calibration/decode-range.ts';
import { fitKalman } from '../../src/calibration/closed-form-kalman.ts';
import { fitWiener } from '../../src/calibration/closed-form-wiener.ts';
import { smoothFeatures } from '../../src/calibration/feature-matrix.ts';
import { decodingMetrics } from '../../src/calibration/metrics.ts';
import type { DecodingMetrics } from '../../src/calibration/metrics.ts';
import { splitBins } from '../../src/calibration/splits.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { decodeModel, encodeModel } from '../../src/decoders/model-file.ts';
import { findDecoderKind } from '../../src/decoders/registry.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { binRecording } from '../../src/recording/bin-recording.ts';
import { openRecording } from '../../src/recording/open-recording.ts';
import { linearRecording } from '../support/linear-recording.ts';

const STEVENSON = fileURLToPath(
  new URL('../../../shared/data/stevenson-v2/StevensonV2.mat', import.meta.url),
);

type FitModel = Pick<Model, 'config' | 'shape' | 'tensors' | 'normalisation'> & { smoothing: number };

function complete(kind: string, recording: BinnedRecording, { smoothing, ...parts }: FitModel): Model {
  const { name, labels, unit } = recording.target;
  return {
    ...parts,
    kind,
    features: { name: 'spikeCounts', smoothing, channelLabels: recording.channels.map(({ label }) => label) },
    output: { name, labels, unit },
    binMs: recording.binMs,
    provenance: {},
  };
}

/** Test score of the streaming decoder, by way of the model file. */
function testScore(kind: string, recording: BinnedRecording, fit: FitModel): DecodingMetrics {
  const model = decodeModel(encodeModel(complete(kind, recording, fit)));
  const { test } = splitBins(recording.binCount);
  const decoder = findDecoderKind(kind).createDecoder(model, loadKernels());
  return decodingMetrics(recording.target, decodeRange(decoder, model, recording, test), test);
}

describe('wiener fit', () => {
  const segments = [
    { startBin: 0, endBin: 41 },
    { startBin: 41, endBin: 43 }, // shorter than the lags
    { startBin: 43, endBin: 520 },
    { startBin: 520, endBin: 700 },
  ];
  const recording = linearRecording({ binCount: 700, channelCount: 9, seed: 1, segments });

  it('equals ridge regression with an intercept on the stacked bins, within 1e-5', () => {
    const lagCount = 4;
    const penalty = 0.1;
    const fit = fitWiener(recording, splitBins(700), { lagCount, smoothings: [0.3], penalties: [penalty] });
    const { featureMean, featureScale, outputMean, outputScale } = fit.model.normalisation;
    const smoothed = smoothFeatures(recording.features, 9, segments, 0.3);
    const endBin = splitBins(700).fit.endBin;
    const X = Matrix.zeros(endBin, lagCount * 9);
    const Y = Matrix.zeros(endBin, 2);
    for (let t = 0; t < endBin; t++) {
      const { startBin } = segments.find((segment) => t < segment.endBin)!;
      for (let lag = 0; lag < lagCount && t - lag >= startBin; lag++) {
        for (let c = 0; c < 9; c++)
          X.set(t, lag * 9 + c, (smoothed[(t - lag) * 9 + c] - featureMean[c]) * featureScale[c]);
      }
      for (const o of [0, 1])
        Y.set(t, o, (recording.target.values[t * 2 + o] - outputMean[o]) / outputScale[o]);
    }
    const means = Matrix.rowVector(X.mean('column'));
    const yMeans = Matrix.rowVector(Y.mean('column'));
    X.subRowVector(means);
    Y.subRowVector(yMeans);
    const gram = X.transpose().mmul(X);
    const absolute = (penalty * gram.trace()) / gram.rows;
    const W = new CholeskyDecomposition(gram.add(Matrix.eye(gram.rows).mul(absolute))).solve(
      X.transpose().mmul(Y),
    );
    const bias = yMeans.sub(means.mmul(W)).to1DArray();
    const { weight, bias: fittedBias } = fit.model.tensors;
    expect(weight.shape).toEqual([2, lagCount, 9]);
    W.transpose()
      .to1DArray()
      .forEach((value, i) => {
        expect(Math.abs(weight.data[i] - value)).toBeLessThan(1e-5);
      });
    bias.forEach((value, o) => {
      expect(Math.abs(fittedBias.data[o] - value)).toBeLessThan(1e-5);
    });
  });

  it('gives silent channels no weight, and decodes what it has not seen', () => {
    const fit = fitWiener(recording, splitBins(700));
    for (let i = 1; i < fit.model.tensors['weight'].data.length; i += 9) {
      expect(Math.abs(fit.model.tensors['weight'].data[i])).toBe(0);
    }
    expect(testScore('wiener', recording, fit.model).r2Mean).toBeGreaterThan(0.3);
  });

  it('takes the penalty and the smoothing that do best on the validation part', () => {
    const splits = splitBins(700);
    const scores = [0, 0.95].map((smoothing) =>
      [0.01, 100].map(
        (penalty) =>
          fitWiener(recording, splits, { smoothings: [smoothing], penalties: [penalty] }).validationR2,
      ),
    );
    const both = fitWiener(recording, splits, { smoothings: [0, 0.95], penalties: [0.01, 100] });
    expect(both.validationR2).toBe(Math.max(...scores.flat()));
    expect(both.validationR2).toBe(
      scores[[0, 0.95].indexOf(both.model.smoothing)][[0.01, 100].indexOf(both.penalty)],
    );
  });

  it('never looks at the test part', () => {
    const changed = { ...recording, features: recording.features.slice() };
    changed.features.fill(9, splitBins(700).test.startBin * 9);
    expect(fitWiener(changed, splitBins(700)).model).toEqual(fitWiener(recording, splitBins(700)).model);
  });
});

describe('kalman fit', () => {
  const recording = linearRecording({ binCount: 4000, channelCount: 20, seed: 2, leadBins: 2 });
  const splits = splitBins(4000);

  it('finds the movement, and how far the spikes run ahead of it', () => {
    const options = { extraStates: 'none', smoothings: [0] } as const;
    const quick = linearRecording({
      binCount: 4000,
      channelCount: 20,
      seed: 2,
      leadBins: 2,
      persistence: 0.5,
    });
    const fit = fitKalman(quick, splits, loadKernels(), options);
    expect(fit.model.config).toEqual({ mode: 'steadyState', lagBins: 2, extraStateNames: [] });
    const { A, b, Q } = fit.model.tensors;
    // z-scored velocity follows half of itself, with the rest of its variance as noise
    expect(A.data[0]).toBeCloseTo(0.5, 1);
    expect(A.data[3]).toBeCloseTo(0.5, 1);
    expect(Math.abs(A.data[1])).toBeLessThan(0.05);
    expect(Math.abs(b.data[0])).toBeLessThan(0.05);
    expect(Q.data[0]).toBeCloseTo(1 - 0.5 ** 2, 1);
    const prompt = fitKalman(quick, splits, loadKernels(), { ...options, lagBins: [0] });
    expect(testScore('kalman', quick, fit.model).r2Mean).toBeGreaterThan(
      testScore('kalman', quick, prompt.model).r2Mean + 0.1,
    );
  });

  it('equals the least-squares definition: residuals are uncorrelated with the state, and R is their covariance', () => {
    const { model } = fitKalman(recording, splits, loadKernels(), {
      extraStates: 'none',
      smoothings: [0],
      lagBins: [1],
    });
    const { C, d, R } = model.tensors;
    const { featureMean, featureScale, outputMean, outputScale } = model.normalisation;
    const n = 20;
    const sums = new Float64Array(n * 3);
    let variance = 0;
    const last = splits.fit.endBin;
    for (let t = 1; t < last; t++) {
      const x = [0, 1].map((o) => (recording.target.values[t * 2 + o] - outputMean[o]) / outputScale[o]);
      for (let i = 0; i < n; i++) {
        const z = (recording.features[(t - 1) * n + i] - featureMean[i]) * featureScale[i];
        const residual = z - C.data[i * 2] * x[0] - C.data[i * 2 + 1] * x[1] - d.data[i];
        [x[0], x[1], 1].forEach((cause, c) => (sums[i * 3 + c] += (residual * cause) / last));
        if (i === 3) variance += residual ** 2 / (last - 1);
      }
    }
    expect(Math.max(...sums.map(Math.abs))).toBeLessThan(1e-5);
    expect(R.data[3 * n + 3]).toBeCloseTo(variance, 4);
  });

  it.each(['steadyState', 'full'] as const)(
    "in mode '%s' with extra states, decodes as well or better",
    (mode) => {
      const plain = fitKalman(recording, splits, loadKernels(), { mode, extraStates: 'none', lagBins: [2] });
      const extended = fitKalman(recording, splits, loadKernels(), { mode, lagBins: [2] });
      expect(extended.model.config['extraStateNames']).toEqual([
        'handVelocityChange.x',
        'handVelocityChange.y',
      ]);
      const score = testScore('kalman', recording, extended.model).r2Mean;
      expect(score).toBeGreaterThan(testScore('kalman', recording, plain.model).r2Mean - 0.01);
    },
  );

  it('takes another behaviour into the state', () => {
    const position = new Float32Array(recording.target.values.length);
    for (let i = 2; i < position.length; i++)
      position[i] = 0.97 * position[i - 2] + recording.target.values[i];
    const extraStates = { name: 'handPosition', labels: ['x', 'y'], unit: 'm', values: position };
    const fit = fitKalman(recording, splits, loadKernels(), { extraStates, lagBins: [2], smoothings: [0] });
    expect(fit.model.tensors['A'].shape).toEqual([4, 4]);
    expect(fit.model.config['extraStateNames']).toEqual(['handPosition.x', 'handPosition.y']);
    expect(testScore('kalman', recording, fit.model).r2Mean).toBeGreaterThan(0.6);
  });

  it('predicts nothing across a join', () => {
    // Segments of 5 bins, each jumping far away: across joins, A would be near 0.
    const values = Float32Array.from({ length: 2 * 600 }, (_, i) => {
      const bin = Math.floor(i / 2);
      return Math.sin(1000 * (Math.floor(bin / 5) + (i % 2))) * 0.9 ** (bin % 5);
    });
    const jumping = linearRecording({ binCount: 600, channelCount: 4, seed: 3 });
    const cut = {
      ...jumping,
      target: { ...jumping.target, values },
      segments: Array.from({ length: 120 }, (_, i) => ({ startBin: i * 5, endBin: i * 5 + 5 })),
    };
    const options = { extraStates: 'none', smoothings: [0], lagBins: [0] } as const;
    expect(fitKalman(cut, splitBins(600), loadKernels(), options).model.tensors['A'].data[0]).toBeCloseTo(
      0.9,
      3,
    );
  });
});

describe.skipIf(!existsSync(STEVENSON))('StevensonV2, last 20 % of time', () => {
  const recording = existsSync(STEVENSON)
    ? binRecording(openRecording(STEVENSON))
    : linearRecording({ binCount: 200, channelCount: 2, seed: 1 });
  const splits = splitBins(recording.binCount);

  it('wiener reaches the published ridge baseline: R2 0.83 / 0.73', () => {
    const { r2 } = testScore('wiener', recording, fitWiener(recording, splits).model);
    expect(r2[0]).toBeCloseTo(0.834, 2);
    expect(r2[1]).toBeCloseTo(0.731, 2);
  });

  it('kalman reaches what NumPy reaches with the same equations: R2 0.753 / 0.617', () => {
    const fit = fitKalman(recording, splits, loadKernels(), { lagBins: [1], smoothings: [0.5] });
    const { r2 } = testScore('kalman', recording, fit.model);
    expect(r2[0]).toBeCloseTo(0.753, 2);
    expect(r2[1]).toBeCloseTo(0.617, 2);
  });
});
