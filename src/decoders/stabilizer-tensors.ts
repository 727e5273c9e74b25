/** What a model file keeps of the day of calibration, so that other days can be aligned to it: `stabilizer.*`. */
import { BetzError } from '../core/errors.ts';
import type { Model, TensorData } from './decoder.ts';
import type { StoredTensor, WritableTensor } from './safetensors.ts';

const NAMES = {
  means: 'stabilizer.means',
  loadings: 'stabilizer.loadings',
  privateVariances: 'stabilizer.private_variances',
} as const;

export function stabilizerTensors({ stabilizer }: Model): [string, TensorData & WritableTensor][] {
  if (stabilizer === undefined) return [];
  const { means, loadings, privateVariances } = stabilizer;
  return [
    [NAMES.means, { shape: [means.length], data: means }],
    [NAMES.loadings, loadings],
    [NAMES.privateVariances, { shape: [privateVariances.length], data: privateVariances }],
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
    },
  };
}

/**
 * That it tells of the model's channels and the read-in's latents.
 * @param checkTensor throws when shape or values are wrong
 * @throws BetzError DEC_MODEL_STABILIZER_INVALID, and those of `checkTensor`
 */
export function checkStabilizer(
  model: Model,
  checkTensor: (name: string, tensor: TensorData, shape: readonly number[]) => void,
): void {
  const { stabilizer, readIn, shape } = model;
  if (stabilizer === undefined) return;
  if (readIn === undefined)
    throw stabilizerInvalid('the model has a stabilizer and no read-in', 'no read-in');
  const [latentCount] = readIn.weight.shape;
  const shapes = [[shape.inputCount], [shape.inputCount, latentCount], [shape.inputCount]];
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
