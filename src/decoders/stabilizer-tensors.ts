/** What a model file keeps of the day of calibration, so that other days can be aligned to it: `stabilizer.*`. */
import { BetzError } from '../core/errors.ts';
import type { DecoderKind, Model, TensorData } from './decoder.ts';
import { coreShape } from './read-in.ts';
import type { StoredTensor, WritableTensor } from './safetensors.ts';

const NAMES = {
  means: 'stabilizer.means',
  loadings: 'stabilizer.loadings',
  privateVariances: 'stabilizer.private_variances',
  weight: 'stabilizer.to_core.weight',
  bias: 'stabilizer.to_core.bias',
} as const;

export function stabilizerTensors({ stabilizer }: Model): [string, TensorData & WritableTensor][] {
  if (stabilizer === undefined) return [];
  const { means, loadings, privateVariances, toCore } = stabilizer;
  return [
    [NAMES.means, { shape: [means.length], data: means }],
    [NAMES.loadings, loadings],
    [NAMES.privateVariances, { shape: [privateVariances.length], data: privateVariances }],
    [NAMES.weight, toCore.weight],
    [NAMES.bias, toCore.bias],
  ];
}

/**
 * There if any of its tensors is there.
 * @param take gives a stored tensor, or throws
 */
export function takeStabilizer(
  take: (name: string) => TensorData,
  stored: ReadonlyMap<string, StoredTensor>,
): Pick<Model, 'stabilizer'> {
  if (!Object.values(NAMES).some((name) => stored.has(name))) return {};
  return {
    stabilizer: {
      means: take(NAMES.means).data,
      loadings: take(NAMES.loadings),
      privateVariances: take(NAMES.privateVariances).data,
      toCore: { weight: take(NAMES.weight), bias: take(NAMES.bias) },
    },
  };
}

/**
 * That it tells of the model's channels and of the core's inputs.
 * @param checkTensor throws when shape or values are wrong
 * @throws BetzError DEC_MODEL_STABILIZER_INVALID, and those of `checkTensor`
 */
export function checkStabilizer(
  model: Model,
  kind: DecoderKind,
  checkTensor: (name: string, tensor: TensorData, shape: readonly number[]) => void,
): void {
  const { stabilizer, shape } = model;
  if (stabilizer === undefined) return;
  if (kind.ends === undefined)
    throw stabilizerInvalid(`a '${kind.name}' model has no read-in to stabilise`, kind.name);
  const [, latentCount = 0] = stabilizer.loadings.shape;
  const shapes = [
    [shape.inputCount],
    [shape.inputCount, latentCount],
    [shape.inputCount],
    [coreShape(model).inputCount, shape.inputCount],
    [coreShape(model).inputCount],
  ];
  stabilizerTensors(model).forEach(([name, tensor], i) => {
    checkTensor(name, tensor, shapes[i]);
  });
  const bad = stabilizer.privateVariances.find((variance) => variance <= 0);
  if (bad !== undefined) throw stabilizerInvalid(`a private variance of the stabilizer is ${bad}`, bad);
}

function stabilizerInvalid(problem: string, value: unknown): BetzError {
  return new BetzError('DEC_MODEL_STABILIZER_INVALID', problem, {
    value,
    tip: 'The file is damaged or edited by hand: calibrate again.',
  });
}
