import type { Rng } from '../../core/rng.ts';
import type { DecoderKind, DecoderShape, Model } from '../decoder.ts';
import { rwkvAccount } from './account.ts';
import { initialiseRwkv } from './initialise.ts';
import { rwkvOnnxStep } from './onnx.ts';
import { rwkvReference } from './reference.ts';
import { rwkvConfigSchema, rwkvParameters } from './rwkv.ts';
import { rwkvSequence } from './sequence.ts';
import { RwkvDecoder } from './step.ts';

export const rwkv: DecoderKind = {
  name: 'rwkv',
  configSchema: rwkvConfigSchema,
  training: 'gradient',
  ends: {
    input: { weight: 'embedding.weight', bias: 'embedding.bias' },
    readout: { weight: 'readout.weight', bias: 'readout.bias' },
  },
  stateNumbers: 'float32',
  // Chosen on the validation part of StevensonV2: 4e-3 learns too slowly, from 1.2e-2 on it is no better.
  trainingHints: { peakRate: 7e-3 },
  parameters: (config, shape) => rwkvParameters(rwkvConfigSchema.parse(config), shape),
  initialise: (config: Model['config'], shape: DecoderShape, rng: Rng) =>
    initialiseRwkv(rwkvConfigSchema.parse(config), shape, rng),
  sequence: (operations, config, parameters, input) =>
    rwkvSequence(operations, rwkvConfigSchema.parse(config), parameters, input),
  referenceSequence: rwkvReference,
  createDecoder: (model, kernels) => new RwkvDecoder(model, kernels),
  onnxStep: rwkvOnnxStep,
  account: (config, shape) => rwkvAccount(rwkvConfigSchema.parse(config), shape),
};
