import type { Rng } from '../../core/rng.ts';
import type { DecoderKind, DecoderShape, Model } from '../decoder.ts';
import { gruAccount } from './account.ts';
import { gruConfigSchema, gruParameters, gruReference, gruSequence, initialiseGru } from './gru.ts';
import { gruOnnxStep } from './onnx.ts';
import { GruDecoder } from './step.ts';

export const gru: DecoderKind = {
  name: 'gru',
  configSchema: gruConfigSchema,
  training: 'gradient',
  ends: {
    input: { weight: 'rnn.weight_ih_l0', bias: 'rnn.bias_ih_l0' },
    readout: { weight: 'readout.weight', bias: 'readout.bias' },
  },
  stateNumbers: 'float32',
  parameters: (config, shape) => gruParameters(gruConfigSchema.parse(config), shape),
  initialise: (config: Model['config'], shape: DecoderShape, rng: Rng) =>
    initialiseGru(gruConfigSchema.parse(config), shape, rng),
  sequence: (operations, config, parameters, input) =>
    gruSequence(operations, gruConfigSchema.parse(config), parameters, input),
  referenceSequence: gruReference,
  createDecoder: (model, kernels) => new GruDecoder(model, kernels),
  onnxStep: gruOnnxStep,
  account: (config, shape) => gruAccount(gruConfigSchema.parse(config), shape),
};
