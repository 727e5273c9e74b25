import { determinant, inverse, Matrix } from 'ml-matrix';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { factorAnalysisSteps, latentProjection } from '../../src/calibration/factor-analysis.ts';
import type {
  FactorAnalysis,
  FactorAnalysisOptions,
  FactorModel,
} from '../../src/calibration/factor-analysis.ts';
import { secondMoments } from '../../src/calibration/second-moments.ts';
import type { SecondMoments } from '../../src/calibration/second-moments.ts';
import { inOneGo } from '../../src/calibration/steps.ts';
import { Rng } from '../../src/core/rng.ts';
import { drawBins, randomFactors, relativeDistance } from '../support/factor-data.ts';

/** C C^T + Psi, in plain matrices. */
function modelCovariance({ loadings, privateVariances, latentCount }: FactorModel): Matrix {
  const c = Matrix.from1DArray(privateVariances.length, latentCount, Array.from(loadings));
  return c.mmul(c.transpose()).add(Matrix.diag(Array.from(privateVariances)));
}

describe('second moments', () => {
  it('are the means and the covariance of the rows, whatever their number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 7 }), (rowCount, width) => {
        const rng = new Rng(rowCount);
        const rows = Float32Array.from({ length: rowCount * width }, () => rng.normal(3, 2));
        const { means, covariance } = secondMoments(rows, width);
        const column = (i: number): number[] =>
          Array.from({ length: rowCount }, (_, r) => rows[r * width + i]);
        const meanOf = (values: number[]): number => values.reduce((a, b) => a + b, 0) / rowCount;
        for (let i = 0; i < width; i++) {
          expect(means[i]).toBeCloseTo(meanOf(column(i)), 9);
          for (let j = 0; j < width; j++) {
            const products = column(i).map((v, r) => (v - means[i]) * (column(j)[r] - means[j]));
            expect(covariance[i * width + j]).toBeCloseTo(meanOf(products), 8);
          }
        }
      }),
      { numRuns: 20 },
    );
  });
});

function fitFactorAnalysis(moments: SecondMoments, options: FactorAnalysisOptions): FactorAnalysis {
  return inOneGo(factorAnalysisSteps(moments, options));
}

describe('factor analysis', () => {
  const truth = randomFactors(24, 3, 5);
  const { counts, latents } = drawBins(truth, 6000, 6);
  const moments = secondMoments(counts, 24);
  const fitted = fitFactorAnalysis(moments, { latentCount: 3, seed: 1, tolerance: 1e-8 });

  it('finds the covariance and the private variances that the bins were drawn from', () => {
    expect(
      relativeDistance(modelCovariance(fitted).to1DArray(), modelCovariance(truth).to1DArray()),
    ).toBeLessThan(0.06);
    expect(relativeDistance(fitted.privateVariances, truth.privateVariances)).toBeLessThan(0.05);
    expect(relativeDistance(fitted.means, truth.means)).toBeLessThan(0.03);
  });

  it('stops before every start, and every 32 iterations', () => {
    const steps = factorAnalysisSteps(moments, { latentCount: 3, seed: 1, tolerance: -1, restartCount: 4 });
    let stops = 0;
    while (steps.next().done !== true) stops++;
    expect(stops).toBe(4 + Math.ceil((300 - 15) / 32));
  });

  it('has a log-likelihood that never falls, and is the Gaussian one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.constantFrom(0.01, 0.6), (seed, privateShareMin) => {
        const options = { latentCount: 4, seed, tolerance: 0, iterationCountMax: 60, privateShareMin };
        const { logLikelihoods } = fitFactorAnalysis(moments, options);
        for (let i = 1; i < logLikelihoods.length; i++)
          expect(logLikelihoods[i]).toBeGreaterThanOrEqual(logLikelihoods[i - 1] - 1e-9);
      }),
      { numRuns: 10 },
    );
    const sigma = modelCovariance(fitted);
    const trace = inverse(sigma)
      .mmul(Matrix.from1DArray(24, 24, Array.from(moments.covariance)))
      .trace();
    const expected = -0.5 * (24 * Math.log(2 * Math.PI) + Math.log(determinant(sigma)) + trace);
    expect(fitted.logLikelihoods[fitted.logLikelihoods.length - 1]).toBeCloseTo(expected, 5);
  });

  it('gives the mean of the latents given the counts, C^T (C C^T + Psi)^-1', () => {
    const c = Matrix.from1DArray(24, 3, Array.from(fitted.loadings));
    const expected = c.transpose().mmul(inverse(modelCovariance(fitted)));
    const beta = latentProjection(fitted);
    expect(relativeDistance(beta, expected.to1DArray())).toBeLessThan(1e-9);
    // Truth predicts the latents themselves.
    const known = latentProjection(truth);
    let error = 0;
    for (let bin = 0; bin < 500; bin++) {
      let x = 0;
      for (let i = 0; i < 24; i++) x += known[i] * (counts[bin * 24 + i] - truth.means[i]);
      error += (x - latents[bin * 3]) ** 2 / 500;
    }
    expect(error).toBeLessThan(0.15);
  });

  it('is the same for the same seed; a better likelihood than one start is kept', () => {
    const options = { latentCount: 3, seed: 4 };
    expect(fitFactorAnalysis(moments, options)).toEqual(fitFactorAnalysis(moments, options));
    const last = ({ logLikelihoods }: { logLikelihoods: number[] }): number =>
      logLikelihoods[logLikelihoods.length - 1];
    const trial = { latentCount: 3, seed: 4, iterationCountMax: 3, tolerance: 0 };
    const one = last(fitFactorAnalysis(moments, { ...trial, restartCount: 1 }));
    expect(last(fitFactorAnalysis(moments, { ...trial, restartCount: 12 }))).toBeGreaterThan(one);
  });

  it('leaves a dead channel without loadings, and the others as they would be without it', () => {
    const withDead = new Float32Array((counts.length / 24) * 25);
    for (let bin = 0; bin < counts.length / 24; bin++) {
      withDead.set(counts.subarray(bin * 24, bin * 24 + 10), bin * 25);
      withDead[bin * 25 + 10] = 2;
      withDead.set(counts.subarray(bin * 24 + 10, bin * 24 + 24), bin * 25 + 11);
    }
    const options = { latentCount: 3, seed: 1, tolerance: 1e-8 };
    const { loadings, privateVariances } = fitFactorAnalysis(secondMoments(withDead, 25), options);
    expect(Array.from(loadings.subarray(30, 33))).toEqual([0, 0, 0]);
    expect(privateVariances[10]).toBe(1);
    expect(relativeDistance(loadings.subarray(33), fitted.loadings.subarray(30))).toBeLessThan(1e-9);
  });

  it('keeps private variances at their floor where a channel is a latent, and stays finite', () => {
    const twins = Float32Array.from(
      { length: 4000 },
      (_, i) => latents[Math.floor(i / 2) * 3] * (i % 2 === 0 ? 1 : 2),
    );
    const twin = secondMoments(twins, 2);
    const { privateVariances, loadings } = fitFactorAnalysis(twin, { latentCount: 1, seed: 1 });
    expect(privateVariances[0]).toBeCloseTo(0.01 * twin.covariance[0], 9);
    expect(loadings[1] / loadings[0]).toBeCloseTo(2, 3);
  });

  it('takes few iterations with 93 channels, whatever it starts from', () => {
    const many = secondMoments(drawBins(randomFactors(93, 10, 1), 8000, 2).counts, 93);
    for (const seed of [1, 2, 3, 4, 5]) {
      const { logLikelihoods } = fitFactorAnalysis(many, { latentCount: 10, restartCount: 1, seed });
      expect(logLikelihoods.length).toBeLessThan(200);
    }
  });
});
