/**
 * What a model file keeps of the data of calibration, so that drift can be measured from them: tensors `drift.*`, and what is no list
 * as JSON under `drift`.
 */
import { z } from 'zod';
import { BetzError } from '../core/errors.ts';
import type { Model, TensorData } from './decoder.ts';
import type { DriftReference } from './drift-reference.ts';
import type { WritableTensor } from './safetensors.ts';

const part = z.number().min(0);
const parts = { rate: part, spread: part, tuning: part, latent: part };
export const DRIFT_SCALARS = z.strictObject({
  windowS: z.number().positive(),
  smoothing: z.number().min(0).lt(1),
  blockCount: z.int().min(2),
  latentCount: z.int().min(1).max(65536),
  typical: z.strictObject(parts),
  blockMax: z.strictObject({ ...parts, index: part }),
});
export type DriftScalars = z.infer<typeof DRIFT_SCALARS>;

export function driftScalars(drift: DriftReference): DriftScalars {
  const { windowS, smoothing, blockCount, latentCount, typical, blockMax } = drift;
  return { windowS, smoothing, blockCount, latentCount, typical, blockMax };
}

/** Names in the file, and shapes. */
function layoutOf(channels: number, latents: number) {
  return {
    mean: ['drift.mean', [channels]],
    meanSpread: ['drift.mean_spread', [channels]],
    variance: ['drift.variance', [channels]],
    logVarianceSpread: ['drift.log_variance_spread', [channels]],
    silentShare: ['drift.silent_share', [channels]],
    stillBinsMax: ['drift.still_bins_max', [channels]],
    loadings: ['drift.loadings', [channels, latents]],
    loadingSpread: ['drift.loading_spread', [channels]],
    directions: ['drift.directions', [latents, channels]],
    whiteningMean: ['drift.whitening_mean', [latents]],
    whiteningRoot: ['drift.whitening_root', [latents, latents]],
  } as const satisfies Record<string, readonly [string, readonly number[]]>;
}
type Lists = Record<keyof ReturnType<typeof layoutOf>, Float32Array>;

/** Throws when shape or values are wrong. */
type CheckTensor = (name: string, tensor: TensorData, shape: readonly number[]) => void;

export function driftTensors({ drift, shape }: Model): [string, TensorData & WritableTensor][] {
  if (drift === undefined) return [];
  const lists = listsOf(drift);
  return Object.entries(layoutOf(shape.inputCount, drift.latentCount)).map(([field, [name, expected]]) => {
    const data = lists[field as keyof Lists];
    const size = expected.reduce((product, count) => product * count, 1);
    return [name, { shape: data.length === size ? expected : [data.length], data }];
  });
}

/**
 * @param take gives a stored tensor, or throws
 * @param scalars of the metadata; undefined: the model keeps no reference
 */
export function takeDrift(
  take: (name: string) => TensorData,
  scalars: DriftScalars | undefined,
  { shape, binMs }: Pick<Model, 'shape' | 'binMs'>,
  checkTensor: CheckTensor,
): Pick<Model, 'drift'> {
  if (scalars === undefined) return {};
  const layout = layoutOf(shape.inputCount, scalars.latentCount);
  const lists = Object.fromEntries(
    Object.entries(layout).map(([field, [name, expected]]) => {
      const tensor = take(name);
      checkTensor(name, tensor, expected);
      return [field, tensor.data];
    }),
  ) as Lists;
  const { whiteningMean, whiteningRoot, ...rest } = lists;
  return {
    drift: { binMs, ...scalars, ...rest, whitening: { mean: whiteningMean, root: whiteningRoot } },
  };
}

/**
 * That it tells of the model's features, and that nothing in it would make the index NaN.
 * @throws BetzError DEC_MODEL_DRIFT_INVALID, and those of `checkTensor`
 */
export function checkDrift(model: Model, checkTensor: CheckTensor): void {
  const { drift, shape } = model;
  if (drift === undefined) return;
  if (drift.binMs !== model.binMs)
    throw driftInvalid(`is of bins of ${drift.binMs} ms, and the model's are ${model.binMs} ms`, drift.binMs);
  if (drift.directions === undefined) throw driftInvalid('has no directions of its latents', 'no directions');
  const layout = Object.values(layoutOf(shape.inputCount, drift.latentCount));
  driftTensors(model).forEach(([name, tensor], i) => {
    checkTensor(name, tensor, layout[i][1]);
  });
  const { latentCount, whitening, ...lists } = drift;
  const root = whitening.root.filter((_, i) => i % (latentCount + 1) === 0);
  expectAll('a variance', lists.variance, (value) => value >= 0);
  expectAll('a share of silent bins', lists.silentShare, (value) => value >= 0 && value <= 1);
  expectAll('a longest rest', lists.stillBinsMax, (value) => value >= 0);
  for (const spread of [lists.meanSpread, lists.logVarianceSpread, lists.loadingSpread])
    expectAll('a spread', spread, (value) => value > 0);
  expectAll('a diagonal element of the whitening', root, (value) => value > 0);
}

function listsOf({ whitening, ...drift }: DriftReference): Lists {
  const { directions = new Float32Array(0) } = drift;
  return { ...drift, directions, whiteningMean: whitening.mean, whiteningRoot: whitening.root };
}

function expectAll(what: string, values: Float32Array, isAllowed: (value: number) => boolean): void {
  const bad = values.find((value) => !isAllowed(value));
  if (bad !== undefined) throw driftInvalid(`has ${what} of ${bad}`, bad);
}

function driftInvalid(problem: string, value: unknown): BetzError {
  return new BetzError('DEC_MODEL_DRIFT_INVALID', `the drift reference of the model ${problem}`, {
    value,
    tip: 'The file is damaged or edited by hand: calibrate again.',
  });
}
