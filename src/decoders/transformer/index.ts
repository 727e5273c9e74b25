import type { Rng } from '../../core/rng.ts';
import type { DecoderKind, DecoderShape, Model } from '../decoder.ts';
import { transformerAccount } from './account.ts';
import { initialiseTransformer } from './initialise.ts';
import { transformerOnnxStep } from './onnx.ts';
import { transformerReference } from './reference.ts';
import { transformerSequence } from './sequence.ts';
import { TransformerDecoder } from './step.ts';
import { transformerConfigSchema, transformerParameters } from './transformer.ts';

export const transformer: DecoderKind = {
  name: 'transformer',
  configSchema: transformerConfigSchema,
  training: 'gradient',
  ends: {
    input: { weight: 'embedding.weight', bias: 'embedding.bias' },
    readout: { weight: 'readout.weight', bias: 'readout.bias' },
  },
  stateNumbers: 'float32',
  parameters: (config, shape) => transformerParameters(transformerConfigSchema.parse(config), shape),
  initialise: (config: Model['config'], shape: DecoderShape, rng: Rng) =>
    initialiseTransformer(transformerConfigSchema.parse(config), shape, rng),
  sequence: (operations, config, parameters, input) =>
    transformerSequence(operations, transformerConfigSchema.parse(config), parameters, input),
  referenceSequence: (model, features, binCount) => transformerReference(model, features, binCount),
  createDecoder: (model, kernels) => new TransformerDecoder(model, kernels),
  onnxStep: transformerOnnxStep,
  account: (config, shape) => transformerAccount(transformerConfigSchema.parse(config), shape),
};
