/** A readout that learns while it is used, and speaks only while it is the better one. */
import { describe, expect, it } from 'vitest';
import { OnlineReadout } from '../../../src/calibration/adaptive/online-readout.ts';
import type { OnlineReadoutOptions } from '../../../src/calibration/adaptive/online-readout.ts';
import { readoutOf } from '../../../src/calibration/session/readout.ts';
import { Rng } from '../../../src/core/rng.ts';
import { gru } from '../../../src/decoders/gru/index.ts';
import { Arena } from '../../../src/kernels/arena.ts';
import { randomModel } from '../../support/decoder-models.ts';

const FEATURES = 8;
const model = {
  ...randomModel(
    gru,
    { inputCount: 4, outputCount: 2 },
    gru.configSchema.parse({ hiddenCount: FEATURES }),
    3,
  ),
  binMs: 20,
};
const BINS_PER_S = 50;
const { outputMean, outputScale } = model.normalisation;

function make(options: OnlineReadoutOptions = {}): OnlineReadout {
  const readout = new OnlineReadout(model, new Arena(1 << 20, 0), options);
  readout.reset();
  return readout;
}

/** What the calibrated readout says, in the model's unit. */
function calibrated(features: Float32Array): number[] {
  const { weight, bias } = readoutOf(model);
  return [...bias].map((start, o) => {
    let sum = start;
    for (let i = 0; i < FEATURES; i++) sum += weight[o * FEATURES + i] * features[i];
    return sum * outputScale[o] + outputMean[o];
  });
}

/** @param turn the truth is the calibrated output with its two dimensions changed by this: 1 is none, -1 the opposite */
function live(
  readout: OnlineReadout,
  seconds: number,
  seed: number,
  turn: number,
): { outputs: Float32Array[]; truths: number[][]; plain: number[][]; givenUp: number } {
  const rng = new Rng(seed);
  const result = {
    outputs: [] as Float32Array[],
    truths: [] as number[][],
    plain: [] as number[][],
    givenUp: 0,
  };
  for (let bin = 0; bin < seconds * BINS_PER_S; bin++) {
    const features = Float32Array.from({ length: FEATURES }, () => rng.normal());
    const output = new Float32Array(2);
    readout.predict(features, output);
    const plain = calibrated(features);
    const truth = plain.map(
      (y, o) => outputMean[o] + turn * (y - outputMean[o]) + rng.normal(0, 0.1) * outputScale[o],
    );
    if (readout.learn(features, Float32Array.from(truth))) result.givenUp++;
    result.outputs.push(output);
    result.plain.push(plain);
    result.truths.push(truth);
  }
  return result;
}

/** Mean square, in units of the outputs' scale, over the bins from `from` on. */
function errorOf(outputs: readonly ArrayLike<number>[], truths: readonly number[][], from: number): number {
  const errors = truths
    .slice(from)
    .map((truth, i) =>
      truth.reduce((sum, y, o) => sum + ((outputs[from + i][o] - y) / outputScale[o]) ** 2, 0),
    );
  return errors.reduce((sum, error) => sum + error, 0) / errors.length;
}

describe('a readout that learns', () => {
  it('says what the calibrated one says until it has been better for some seconds', () => {
    const readout = make();
    const { outputs, plain } = live(readout, 4, 1, -1);
    outputs.forEach((output, bin) => {
      for (let o = 0; o < 2; o++)
        expect((output[o] - plain[bin][o]) / outputScale[o], `bin ${bin}`).toBeCloseTo(0, 4);
    });
    expect(readout.isLearnedUsed()).toBe(false);
    live(readout, 4, 2, -1);
    expect(readout.isLearnedUsed()).toBe(true);
  });

  it('comes to decode what the calibrated one does not', () => {
    const readout = make();
    const { outputs, plain, truths, givenUp } = live(readout, 30, 3, -1);
    const from = 20 * BINS_PER_S;
    expect(errorOf(plain, truths, from)).toBeGreaterThan(0.5);
    expect(errorOf(outputs, truths, from)).toBeLessThan(0.03);
    expect(givenUp).toBe(0);
  });

  it('is never used where the calibrated one is right', () => {
    const readout = make();
    live(readout, 60, 4, 1);
    expect(readout.isLearnedUsed()).toBe(false);
  });

  it('is given up when it has become worse, and begins anew', () => {
    const readout = make({ halfLifeS: 1e4 });
    live(readout, 60, 5, -1);
    expect(readout.isLearnedUsed()).toBe(true);
    const { outputs, plain, givenUp } = live(readout, 40, 6, 1);
    expect(givenUp).toBe(1);
    expect(readout.isLearnedUsed()).toBe(false);
    const last = outputs.length - 1;
    for (let o = 0; o < 2; o++)
      expect((outputs[last][o] - plain[last][o]) / outputScale[o]).toBeCloseTo(0, 4);
  });

  it.each([
    ['no truth', new Float32Array(0)],
    ['a truth that is not finite', Float32Array.of(1, Number.NaN)],
    ['a truth beyond all measure', Float32Array.of(1e10, 0)],
  ])('learns nothing from %s', (_, truth) => {
    const readout = make();
    live(readout, 10, 7, -1);
    const before = readout.state.map((values) => values.slice());
    const features = new Float32Array(FEATURES).fill(0.5);
    readout.predict(features, new Float32Array(2));
    expect(readout.learn(features, truth)).toBe(false);
    expect(readout.state).toEqual(before);
  });

  it('is fresh after a reset', () => {
    const readout = make();
    const fresh = readout.state.map((values) => values.slice());
    live(readout, 10, 8, -1);
    expect(readout.state).not.toEqual(fresh);
    readout.reset();
    expect(readout.state).toEqual(fresh);
  });
});
