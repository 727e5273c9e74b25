import type { Rng } from '../../core/rng.ts';
import type { DecoderKind, DecoderShape, Model } from '../decoder.ts';
import { initialiseRwkv } from './initialise.ts';
import { rwkvReference } from './reference.ts';
import { rwkvConfigSchema, rwkvParameters } from './rwkv.ts';
import { rwkvSequence } from './sequence.ts';
import { RwkvDecoder } from './step.ts';

export const rwkv: DecoderKind = {
  name: 'rwkv',
  configSchema: rwkvConfigSchema,
  training: 'gradient',
  parameters: (config, shape) => rwkvParameters(rwkvConfigSchema.parse(config), shape),
  initialise: (config: Model['config'], shape: DecoderShape, rng: Rng) =>
    initialiseRwkv(rwkvConfigSchema.parse(config), shape, rng),
  sequence: (operations, config, parameters, input) =>
    rwkvSequence(operations, rwkvConfigSchema.parse(config), parameters, input),
  referenceSequence: rwkvReference,
  createDecoder: (model, kernels) => new RwkvDecoder(model, kernels),
};
