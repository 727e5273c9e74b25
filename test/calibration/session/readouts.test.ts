/** Readouts on frozen features: in closed form and bin by bin, against dense solutions. */
import fc from 'fast-check';
import { Matrix, solve } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { frozenFeatures } from '../../../src/calibration/session/frozen-features.ts';
import {
  applyReadout,
  normalisedTargets,
  readoutOf,
  withReadout,
} from '../../../src/calibration/session/readout.ts';
import type { Readout } from '../../../src/calibration/session/readout.ts';
import { ReadoutRegression } from '../../../src/calibration/session/readout-regression.ts';
import { RecursiveReadout } from '../../../src/calibration/session/recursive-least-squares.ts';
import { decodeSession } from '../../../src/calibration/session/session-scores.ts';
import { inOneGo } from '../../../src/calibration/steps.ts';
import type { Segment } from '../../../src/core/recording.ts';
import { Rng } from '../../../src/core/rng.ts';
import { decoderKinds } from '../../../src/decoders/registry.ts';
import { loadKernels } from '../../../src/host/load-kernels.ts';
import { expectClose, forEachCase, seeds } from '../../support/cases.ts';
import { randomModel, shakenModel } from '../../support/decoder-models.ts';
import { readInModel } from '../../support/read-in-models.ts';
import { randomRecording } from '../../support/random-recording.ts';

const FEATURES = 5;
const OUTPUTS = 2;

interface Problem {
  prior: Readout;
  features: Float32Array;
  targets: Float32Array;
}

function problem(seed: number, binCount: number): Problem {
  const rng = new Rng(seed);
  const draw = (count: number): Float32Array => Float32Array.from({ length: count }, () => rng.normal(0.3));
  return {
    prior: { weight: draw(OUTPUTS * FEATURES), bias: draw(OUTPUTS) },
    features: draw(binCount * FEATURES),
    targets: draw(binCount * OUTPUTS),
  };
}

/** Rows of the readout with the bias last, from (A^T A + D) w = A^T y + D w0, with a 1 behind every feature. */
function denseRidge(
  { prior, features, targets }: Problem,
  rows: readonly number[],
  diagonal: number[],
): number[] {
  const inputs = new Matrix(
    rows.map((bin) => [...features.subarray(bin * FEATURES, (bin + 1) * FEATURES), 1]),
  );
  const truth = new Matrix(rows.map((bin) => [...targets.subarray(bin * OUTPUTS, (bin + 1) * OUTPUTS)]));
  const penalty = Matrix.diag(diagonal);
  const first = new Matrix(
    Array.from({ length: OUTPUTS }, (_, o) => [
      ...prior.weight.subarray(o * FEATURES, (o + 1) * FEATURES),
      prior.bias[o],
    ]),
  ).transpose();
  const left = inputs.transpose().mmul(inputs).add(penalty);
  const right = inputs.transpose().mmul(truth).add(penalty.mmul(first));
  return solve(left, right).transpose().to1DArray();
}

const flat = ({ weight, bias }: Readout): number[] =>
  Array.from(bias).flatMap((b, o) => [...weight.subarray(o * FEATURES, (o + 1) * FEATURES), b]);

/** Mean diagonal of the centred F^T F. */
function meanPower(features: Float32Array, rows: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < FEATURES; i++) {
    const mean = rows.reduce((all, bin) => all + features[bin * FEATURES + i], 0) / rows.length;
    for (const bin of rows) sum += (features[bin * FEATURES + i] - mean) ** 2;
  }
  return sum / FEATURES;
}

function fitReadouts(
  { prior, features, targets }: Problem,
  rows: readonly Segment[],
  penalties: readonly number[],
): Readout[] {
  const regression = new ReadoutRegression(prior, features, targets);
  inOneGo(regression.add(rows));
  return inOneGo(regression.solve(penalties));
}

describe('ReadoutRegression', () => {
  it('is ridge regression towards the prior, with a free intercept, on the rows that it is given', () => {
    forEachCase(seeds, 20, (seed) => {
      const drawn = problem(seed, 60);
      const segments = [
        { startBin: 3, endBin: 20 },
        { startBin: 31, endBin: 60 },
      ];
      const rows = Array.from({ length: 60 }, (_, bin) => bin).filter(
        (bin) => (bin >= 3 && bin < 20) || bin >= 31,
      );
      const penalties = [0, 1e-2, 1];
      const fits = fitReadouts(drawn, segments, penalties);
      penalties.forEach((penalty, p) => {
        const absolute = penalty * meanPower(drawn.features, rows);
        const diagonal = [...Array<number>(FEATURES).fill(absolute), 0];
        expectClose(flat(fits[p]), denseRidge(drawn, rows, diagonal), () => 1e-4);
      });
    });
  });

  it('stays with the weights of the prior for a huge penalty, and moves the bias to fit the mean', () => {
    const drawn = problem(1, 50);
    const whole = [{ startBin: 0, endBin: 50 }];
    const [fit] = fitReadouts(drawn, whole, [1e9]);
    expectClose(fit.weight, drawn.prior.weight, () => 1e-6);
    const outputs = applyReadout(fit, drawn.features);
    for (let o = 0; o < OUTPUTS; o++) {
      const error = outputs.reduce((sum, y, i) => sum + (i % OUTPUTS === o ? y - drawn.targets[i] : 0), 0);
      expect(Math.abs(error)).toBeLessThan(1e-3);
    }
  });

  it('goes on with more rows after it was solved, as if all had been there from the start', () => {
    forEachCase(seeds, 10, (seed) => {
      const drawn = problem(seed, 60);
      // Not in multiples of the bins that are added together.
      const parts = [
        { startBin: 5, endBin: 36 },
        { startBin: 0, endBin: 5 },
        { startBin: 36, endBin: 59 },
      ];
      const regression = new ReadoutRegression(drawn.prior, drawn.features, drawn.targets);
      for (const part of parts) {
        inOneGo(regression.add([part]));
        inOneGo(regression.solve([1e-2]));
      }
      const [inParts] = inOneGo(regression.solve([1e-2]));
      const [atOnce] = fitReadouts(drawn, [{ startBin: 0, endBin: 59 }], [1e-2]);
      expectClose(flat(inParts), flat(atOnce), () => 1e-5);
    });
  });

  it('leaves the prior as it was', () => {
    const drawn = problem(2, 50);
    const before = structuredClone(drawn);
    fitReadouts(drawn, [{ startBin: 0, endBin: 50 }], [1e-3]);
    expect(drawn).toEqual(before);
  });
});

function learnAll(
  { prior, features, targets }: Problem,
  halfLifeBins: number,
  priorBins: number,
): RecursiveReadout {
  const recursive = new RecursiveReadout(prior, { halfLifeBins, priorBins });
  for (let bin = 0; bin < features.length / FEATURES; bin++) {
    recursive.learn(
      features.subarray(bin * FEATURES, (bin + 1) * FEATURES),
      targets.subarray(bin * OUTPUTS, (bin + 1) * OUTPUTS),
    );
  }
  return recursive;
}

describe('RecursiveReadout', () => {
  it('is the batch solution when it forgets nothing', () => {
    forEachCase(fc.tuple(seeds, fc.integer({ min: 1, max: 80 })), 40, ([seed, binCount]) => {
      const drawn = problem(seed, binCount);
      const learned = learnAll(drawn, Infinity, 3).refresh();
      const rows = Array.from({ length: binCount }, (_, bin) => bin);
      expectClose(flat(learned), denseRidge(drawn, rows, Array<number>(FEATURES + 1).fill(3)), () => 1e-4);
    });
  });

  it('forgets half after the half-life: it follows a change that a memory of everything averages', () => {
    const rng = new Rng(3);
    const binCount = 2000;
    const drawn = problem(3, binCount);
    drawn.targets.forEach((_, i) => {
      const bin = Math.floor(i / OUTPUTS);
      drawn.targets[i] = (bin < 1000 ? 1 : -1) * drawn.features[bin * FEATURES] + rng.normal(0, 0.01);
    });
    expect(learnAll(drawn, 50, 1).refresh().weight[0]).toBeCloseTo(-1, 2);
    expect(Math.abs(learnAll(drawn, Infinity, 1).refresh().weight[0])).toBeLessThan(0.1);
  });

  it('learns nothing from a bin with NaN or infinity', () => {
    const drawn = problem(4, 30);
    const recursive = learnAll(drawn, Infinity, 3);
    const before = flat(recursive.refresh());
    const good = new Float32Array(FEATURES).fill(1);
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      expect(recursive.learn(Float32Array.of(1, 2, bad, 4, 5), Float32Array.of(1, 1))).toBe(false);
      expect(recursive.learn(good, Float32Array.of(1, bad))).toBe(false);
    }
    expect(flat(recursive.refresh())).toEqual(before);
    expect(recursive.learn(good, Float32Array.of(1, 1))).toBe(true);
    expect(flat(recursive.refresh())).not.toEqual(before);
  });

  it('stays finite and right over 10,000 bins, with a feature that is silent', () => {
    const drawn = problem(5, 10_000);
    drawn.features.forEach((_, i) => {
      if (i % FEATURES === 2) drawn.features[i] = 0;
    });
    const recursive = learnAll(drawn, 1500, 30);
    const learned = recursive.refresh();
    expect(flat(learned).every(Number.isFinite)).toBe(true);
    expectClose(
      [learned.weight[2], learned.weight[7]],
      [drawn.prior.weight[2], drawn.prior.weight[7]],
      () => 1e-6,
    );
    const output = new Float32Array(OUTPUTS);
    const row = drawn.features.subarray(0, FEATURES);
    recursive.predict(row, output);
    expectClose(output, applyReadout(learned, row), () => 1e-5);
  });
});

describe('RecursiveReadout that forgets', () => {
  it('is what the dense sums give: R <- lambda R + f f^T, w <- w + R^-1 f error, then one coordinate counts as seen', () => {
    forEachCase(seeds, 10, (seed) => {
      const drawn = problem(seed, 40);
      const lambda = 0.5 ** (1 / 9);
      const size = FEATURES + 1;
      const learned = learnAll(drawn, 9, 3).refresh();
      const information = Matrix.eye(size).mul(3);
      const weights = new Matrix([
        flat(drawn.prior).slice(0, size),
        flat(drawn.prior).slice(size),
      ]).transpose();
      for (let bin = 0; bin < 40; bin++) {
        const row = Matrix.rowVector([...drawn.features.subarray(bin * FEATURES, (bin + 1) * FEATURES), 1]);
        const target = Matrix.rowVector([...drawn.targets.subarray(bin * OUTPUTS, (bin + 1) * OUTPUTS)]);
        information.mul(lambda).add(row.transpose().mmul(row));
        const error = target.sub(row.mmul(weights));
        weights.add(solve(information, row.transpose()).mmul(error));
        const turn = bin % size;
        information.set(turn, turn, information.get(turn, turn) + 3 * (lambda ** -size - 1));
      }
      expectClose(flat(learned), weights.transpose().to1DArray(), () => 1e-5);
    });
  });

  const HALF_LIFE = 20;
  const PRIOR = 10;
  /** P of the features is at most this, in every direction. */
  const bound = 2 ** ((FEATURES + 1) / HALF_LIFE) / PRIOR;

  /** After `quietBins` bins in which the features were `quiet`: how far one bin, `woken`, moves the weights. */
  function moved(quietBins: number, quiet: readonly number[], woken: readonly number[]): number[] {
    const prior = problem(8, 1).prior;
    const recursive = new RecursiveReadout(prior, { halfLifeBins: HALF_LIFE, priorBins: PRIOR });
    const target = new Float32Array(OUTPUTS).fill(1);
    for (let bin = 0; bin < quietBins; bin++) {
      const sign = bin % 2 === 0 ? 1 : -1;
      recursive.learn(
        Float32Array.from(quiet, (x) => sign * x),
        target,
      );
    }
    const before = flat(recursive.refresh());
    const row = Float32Array.from(woken);
    const said = new Float32Array(OUTPUTS);
    recursive.predict(row, said);
    recursive.learn(row, target);
    // k = change / error, the same for every output
    return flat(recursive.refresh()).map((w, i) => {
      const output = Math.floor(i / (FEATURES + 1));
      return (w - before[i]) / (1 - said[output]);
    });
  }

  it.each([
    ['a feature was silent', [1, 1, 0, -1, 1], [0, 0, 1, 0, 0]],
    ['two features were the same', [1, -1, 1, 1, 1], [0, 0, 1, -1, 0]],
    ['all features were silent', [0, 0, 0, 0, 0], [0, 0, 0, 1, 0]],
  ])('gives the first bin after a long silence no more weight than a prior would: %s', (_, quiet, woken) => {
    // k = P f / (lambda + f^T P f): with P below the bound in all directions it cannot be longer than this.
    for (const quietBins of [30, 300, 5000, 50_000]) {
      const gain = moved(quietBins, quiet, woken).slice(0, FEATURES);
      expect(gain.every(Number.isFinite)).toBe(true);
      expect(Math.hypot(...gain)).toBeLessThan(bound * Math.hypot(...woken) * 1.001);
      expect(Math.hypot(...gain)).toBeGreaterThan(0.02); // and learns from it all the same
    }
  });

  it('forgets no slower for it where the features move', () => {
    const drawn = problem(9, 600);
    drawn.features.forEach((_, i) => {
      if (i % FEATURES === 2) drawn.features[i] = 0;
    });
    const rng = new Rng(9);
    drawn.targets.forEach((_, i) => {
      const bin = Math.floor(i / OUTPUTS);
      drawn.targets[i] = (bin < 500 ? 1 : -1) * drawn.features[bin * FEATURES] + rng.normal(0, 0.01);
    });
    expect(learnAll(drawn, 20, 1).refresh().weight[0]).toBeLessThan(-0.9); // 100 bins, five half-lives
  });
});

describe('frozen features', () => {
  const kinds = decoderKinds.filter(({ ends }) => ends !== undefined);
  const SHAPE = { inputCount: 4, outputCount: 2 };
  it.each(kinds.map((kind) => [kind.name, kind] as const))(
    'of %s, times the readout, are what the decoder says',
    (name, kind) => {
      const recording = randomRecording(6, { binCount: 80, binMs: 20 });
      const config = name === 'gru' ? { hiddenCount: 6 } : { width: 8 };
      for (const model of [shakenModel(kind, SHAPE, config, 7), readInModel(kind, SHAPE, config, 7, 3)]) {
        const features = inOneGo(frozenFeatures(model, recording, loadKernels()));
        const { outputMean, outputScale } = model.normalisation;
        const outputs = applyReadout(readoutOf(model), features).map(
          (y, i) => y * outputScale[i % 2] + outputMean[i % 2],
        );
        const decoded = decodeSession(model, recording, loadKernels());
        expectClose(outputs, decoded, (y) => 1e-4 * (1 + Math.abs(y)));
        expect(new Set(decoded).size).toBeGreaterThan(80);
      }
    },
  );

  it('keep the rest of the model when the readout is replaced', () => {
    const [gru] = kinds;
    const model = randomModel(gru, SHAPE, { hiddenCount: 6 }, 1);
    const { weight, bias } = readoutOf(model);
    const replaced = withReadout(model, { weight: weight.map((w) => -w), bias: bias.map((b) => -b) });
    expect(readoutOf(replaced).weight).toEqual(weight.map((w) => -w));
    expect(withReadout(replaced, { weight, bias })).toEqual(model);
    const recording = randomRecording(6);
    const { outputMean: mean, outputScale: scale } = model.normalisation;
    expectClose(
      normalisedTargets(model, recording),
      recording.target.values.map((y, i) => (y - mean[i % 2]) / scale[i % 2]),
      () => 1e-6,
    );
  });
});
