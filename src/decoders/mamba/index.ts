import type { DecoderKind } from '../decoder.ts';
import { mambaAccount } from './account.ts';
import { initialiseMamba } from './initialise.ts';
import { mambaConfigSchema, mambaParameters } from './mamba.ts';
import { mambaOnnxStep } from './onnx.ts';
import { mambaReference } from './reference.ts';
import { mambaSequence } from './sequence.ts';
import { MambaDecoder } from './step.ts';

export const mamba: DecoderKind = {
  name: 'mamba',
  configSchema: mambaConfigSchema,
  training: 'gradient',
  ends: {
    input: { weight: 'embedding.weight', bias: 'embedding.bias' },
    readout: { weight: 'readout.weight', bias: 'readout.bias' },
  },
  stateNumbers: 'float32',
  parameters: (config, shape) => mambaParameters(mambaConfigSchema.parse(config), shape),
  initialise: (config, shape, rng) => initialiseMamba(mambaConfigSchema.parse(config), shape, rng),
  sequence: (operations, config, parameters, input) =>
    mambaSequence(operations, mambaConfigSchema.parse(config), parameters, input),
  referenceSequence: mambaReference,
  createDecoder: (model, kernels) => new MambaDecoder(model, kernels),
  onnxStep: mambaOnnxStep,
  account: (config, shape) => mambaAccount(mambaConfigSchema.parse(config), shape),
};
