import type { Rng } from '../../core/rng.ts';
import type { DecoderKind, DecoderShape, Model } from '../decoder.ts';
import { spikingSsmAccount } from './account.ts';
import { initialiseSpikingSsm } from './initialise.ts';
import { spikingSsmOnnxStep } from './onnx.ts';
import { spikingSsmReference } from './reference.ts';
import { spikingSsmSequence } from './sequence.ts';
import { spikingSsmConfigSchema, spikingSsmParameters } from './spiking-ssm.ts';
import { SpikingSsmDecoder } from './step.ts';

export const spikingSsm: DecoderKind = {
  name: 'spiking-ssm',
  configSchema: spikingSsmConfigSchema,
  training: 'gradient',
  ends: {
    input: { weight: 'embedding.weight', bias: 'embedding.bias' },
    readout: { weight: 'readout.weight', bias: 'readout.bias' },
  },
  stateNumbers: 'float32',
  parameters: (config, shape) => spikingSsmParameters(spikingSsmConfigSchema.parse(config), shape),
  initialise: (config: Model['config'], shape: DecoderShape, rng: Rng) =>
    initialiseSpikingSsm(spikingSsmConfigSchema.parse(config), shape, rng),
  sequence: (operations, config, parameters, input) =>
    spikingSsmSequence(operations, spikingSsmConfigSchema.parse(config), parameters, input),
  referenceSequence: spikingSsmReference,
  createDecoder: (model, kernels) => new SpikingSsmDecoder(model, kernels),
  onnxStep: spikingSsmOnnxStep,
  account: (config, shape) => spikingSsmAccount(spikingSsmConfigSchema.parse(config), shape),
};
