/**
 * The decoder of Golub et al. 2018 (Nature Neuroscience 21:607-616), recorded with the spikes it decoded: a steady-state
 * Kalman filter on ten factors of 86 units, dt 45 ms. From A, C, Q and R the gain, the transition and the velocities
 * that the animal saw have to come out.
 *
 * factors z = Sigma_z beta Sigma_u (spikes - mu_u), the Sigmas being diagonal scales; velocity = M1 v + K (z - d).
 */
import { existsSync, readFileSync } from 'node:fs';
import { Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/decoders/decoder.ts';
import { kalman } from '../../src/decoders/kalman/index.ts';
import { observe } from '../../src/decoders/kalman/observation.ts';
import { steadyState } from '../../src/decoders/kalman/riccati.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { structField } from '../../src/recording/matlab-array.ts';
import type { MatlabArray } from '../../src/recording/matlab-array.ts';
import { openMatlabFile } from '../../src/recording/matlab-v5.ts';

const FILE = new URL('../../../shared/data/golub-bcilearning-20120305/exampleData.mat', import.meta.url);

describe.skipIf(!existsSync(FILE))('the recorded Kalman decoder of golub-bcilearning-20120305', () => {
  const g = existsSync(FILE) ? loadDecoder() : emptyDecoder();
  const [n, k] = [g.C.rows, g.C.columns];
  const observation = observe(rowMajor(g.C), rowMajor(g.R), new Float64Array(n).fill(1), k);
  const { updated } = steadyState(rowMajor(g.A), rowMajor(g.Q), observation.information, k);
  const K = Matrix.from1DArray(k, k, updated).mmul(Matrix.from1DArray(k, n, observation.projection));
  const spread = g.Sigma_z.mmul(g.beta).mmul(g.Sigma_u); // factors from centred spikes

  it('has the stored gain K within 5e-9', () => {
    expect(largestDifference(K, g.K)).toBeLessThan(5e-9);
    expect(g.K.norm('max')).toBeGreaterThan(10); // so the bound is relative 1e-10
  });

  it('has the stored transition M1 = (I - K C) A within 3e-11', () => {
    const M1 = Matrix.eye(k).sub(K.mmul(g.C)).mmul(g.A);
    expect(largestDifference(M1, g.M1)).toBeLessThan(3e-11);
  });

  it('has the stored M2 and m0, from the gain through the factors, within 1e-8', () => {
    const M2 = K.mmul(spread);
    expect(largestDifference(M2, g.M2)).toBeLessThan(1e-8);
    expect(largestDifference(Matrix.add(K.mmul(g.d), M2.mmul(g.mu_u)).mul(-1), g.m0)).toBeLessThan(1e-7);
  });

  it('gives the stored velocities from the stored spikes within 1e-7', () => {
    const M2 = K.mmul(spread);
    const m0 = Matrix.add(K.mmul(g.d), M2.mmul(g.mu_u)).mul(-1);
    for (const { spikes, velocity } of g.blocks) {
      const decoded = M2.mmul(spikes).addColumnVector(m0);
      expect(largestDifference(decoded, velocity)).toBeLessThan(1e-7);
      const stored = g.M2.mmul(spikes).addColumnVector(g.m0);
      expect(largestDifference(stored, velocity)).toBeLessThan(3.1e-8);
    }
  });

  it('runs as a streaming decoder: v = M1 v + M2 spikes + m0 over a block, within 1e-5 of the largest velocity', () => {
    const decoder = kalman.createDecoder(asModel(g), loadKernels());
    const output = new Float32Array(k);
    let v = Matrix.zeros(k, 1);
    const largest = Math.max(...g.blocks.map(({ velocity }) => velocity.norm('max')));
    for (const { spikes } of g.blocks) {
      for (let t = 0; t < spikes.columns; t++) {
        const bin = spikes.getColumnVector(t);
        v = g.M1.mmul(v).add(g.M2.mmul(bin)).add(g.m0);
        const factors = spread.mmul(Matrix.sub(bin, g.mu_u));
        decoder.step(Float32Array.from(factors.to1DArray()), output);
        expect(largestDifference(Matrix.columnVector(Array.from(output)), v)).toBeLessThan(1e-5 * largest);
      }
    }
  });
});

interface RecordedDecoder extends Record<
  'A' | 'C' | 'Q' | 'R' | 'K' | 'M1' | 'M2' | 'm0' | 'd' | 'mu_u' | 'beta' | 'Sigma_u' | 'Sigma_z',
  Matrix
> {
  /** Per target angle: [86 x bins] spikes and [2 x bins] velocities in mm/s. */
  blocks: { spikes: Matrix; velocity: Matrix }[];
}

function loadDecoder(): RecordedDecoder {
  const file = openMatlabFile(readFileSync(FILE));
  const mapping = field(file.load('expParams'), 'intuitiveMapping');
  const clouds = ['beforeLearning', 'afterLearning'].map((name) => field(file.load(name), 'clouds'));
  const read = (name: string): Matrix => toMatrix(field(mapping, name));
  return {
    A: read('A'),
    C: read('C'),
    Q: read('Q'),
    R: read('R'),
    K: read('K'),
    M1: read('M1'),
    M2: read('M2'),
    m0: read('m0'),
    d: read('d'),
    mu_u: read('mu_u'),
    beta: read('beta'),
    Sigma_u: read('Sigma_u'),
    Sigma_z: read('Sigma_z'),
    blocks: clouds.flatMap((cloud) => {
      const velocities = cells(field(cloud, 'vraw_intuitive'));
      return cells(field(cloud, 'spikes')).map((spikes, i) => ({
        spikes: toMatrix(spikes),
        velocity: toMatrix(velocities[i]),
      }));
    }),
  };
}

/** Stands in where the recording is absent and every test is skipped. */
function emptyDecoder(): RecordedDecoder {
  const one = Matrix.eye(1);
  const names = [
    'A',
    'C',
    'Q',
    'R',
    'K',
    'M1',
    'M2',
    'm0',
    'd',
    'mu_u',
    'beta',
    'Sigma_u',
    'Sigma_z',
  ] as const;
  const matrices = Object.fromEntries(names.map((name) => [name, one])) as Record<
    (typeof names)[number],
    Matrix
  >;
  return { ...matrices, blocks: [] };
}

/** The filter on ten factors, as a model of ours. */
function asModel(g: RecordedDecoder): Model {
  const tensor = (matrix: Matrix): { shape: number[]; data: Float32Array } => ({
    shape: [matrix.rows, matrix.columns],
    data: Float32Array.from(rowMajor(matrix)),
  });
  const vector = (values: number[]): { shape: number[]; data: Float32Array } => ({
    shape: [values.length],
    data: Float32Array.from(values),
  });
  const [n, k] = [g.C.rows, g.C.columns];
  return {
    kind: 'kalman',
    config: {},
    shape: { inputCount: n, outputCount: k },
    tensors: {
      A: tensor(g.A),
      b: vector([0, 0]),
      Q: tensor(g.Q),
      C: tensor(g.C),
      d: vector(g.d.to1DArray()),
      R: tensor(g.R),
      P0: tensor(g.Q),
    },
    normalisation: {
      featureMean: new Float32Array(n),
      featureScale: new Float32Array(n).fill(1),
      outputMean: new Float32Array(k),
      outputScale: new Float32Array(k).fill(1),
    },
    features: {
      name: 'spikeCounts',
      smoothing: 0,
      channelLabels: Array.from({ length: n }, (_, i) => `factor ${i + 1}`),
    },
    output: { name: 'cursorVelocity', labels: ['x', 'y'], unit: 'mm/s' },
    binMs: 45,
    provenance: {},
  };
}

function field(array: MatlabArray | undefined, name: string): MatlabArray {
  const value = array?.kind === 'struct' ? structField(array, name) : undefined;
  if (value === undefined) throw new Error(`the recording has no field '${name}'`);
  return value;
}

function cells(array: MatlabArray): readonly MatlabArray[] {
  if (array.kind !== 'cell') throw new Error('expected a cell array');
  return array.cells;
}

/** MATLAB is column-major. */
function toMatrix(array: MatlabArray): Matrix {
  if (array.kind !== 'numeric') throw new Error('expected numbers');
  const [rows, columns] = array.dims;
  return Matrix.from1DArray(columns, rows, Array.from(array.values, Number)).transpose();
}

function rowMajor(matrix: Matrix): Float64Array {
  return Float64Array.from(matrix.to1DArray());
}

function largestDifference(a: Matrix, b: Matrix): number {
  expect([a.rows, a.columns]).toEqual([b.rows, b.columns]);
  return Matrix.sub(a, b).abs().max();
}
