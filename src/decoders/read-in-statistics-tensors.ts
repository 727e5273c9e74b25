/** What a model file keeps of how its read-in's latents were on the data of its session: `read_in_statistics.*`. */
import type { Model, TensorData } from './decoder.ts';
import type { StoredTensor, WritableTensor } from './safetensors.ts';

const NAMES = {
  rest: 'read_in_statistics.rest',
  latentMean: 'read_in_statistics.latent_mean',
  latentCovariance: 'read_in_statistics.latent_covariance',
} as const;

export function readInStatisticsTensors({
  readInStatistics,
}: Pick<Model, 'readInStatistics'>): [string, TensorData & WritableTensor][] {
  if (readInStatistics === undefined) return [];
  const { rest, latentMean, latentCovariance } = readInStatistics;
  return [
    [NAMES.rest, rest],
    [NAMES.latentMean, { shape: [latentMean.length], data: latentMean }],
    [NAMES.latentCovariance, latentCovariance],
  ];
}

/**
 * There if any of its tensors is there.
 * @param take gives a stored tensor, or throws
 */
export function takeReadInStatistics(
  take: (name: string) => TensorData,
  stored: ReadonlyMap<string, StoredTensor>,
): Pick<Model, 'readInStatistics'> {
  if (!Object.values(NAMES).some((name) => stored.has(name))) return {};
  return {
    readInStatistics: {
      rest: take(NAMES.rest),
      latentMean: take(NAMES.latentMean).data,
      latentCovariance: take(NAMES.latentCovariance),
    },
  };
}

/**
 * That it is of the model's read-in.
 * @param checkTensor throws when shape or values are wrong
 * @throws BetzError those of `checkTensor`
 */
export function checkReadInStatistics(
  model: Model,
  checkTensor: (name: string, tensor: TensorData, shape: readonly number[]) => void,
): void {
  const latentCount = model.readIn?.weight.shape[0] ?? 0;
  const shapes = [[latentCount, model.shape.inputCount], [latentCount], [latentCount, latentCount]];
  readInStatisticsTensors(model).forEach(([name, tensor], i) => {
    checkTensor(name, tensor, shapes[i]);
  });
}
