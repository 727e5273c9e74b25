/**
 * The Wiener filter: linear regression of the output on the features of the last n bins. Fitted in closed form as ridge
 * regression (calibration/closed-form-wiener.ts), it is the baseline that every other kind is reported beside.
 *
 *   y[t] = b + sum over lags l = 0..n-1 of W_l z[t-l]        Wu et al. 2006, Neural Computation 18:80-118, eq. 1
 *
 * z are z-scored features, y z-scored outputs. Bins before the first one (after a reset) count as average, z = 0.
 */
import { z } from 'zod';
import type { DecoderKind } from '../decoder.ts';
import { wienerAccount } from './account.ts';
import { WienerDecoder } from './decoder.ts';
import { referenceSequence } from './reference.ts';

const wienerConfig = z.strictObject({
  /** n: how many bins an output depends on, the current one included. */
  lagCount: z.int().min(1).max(100).default(10),
});

export const wiener: DecoderKind = {
  name: 'wiener',
  configSchema: wienerConfig,
  training: 'closedForm',
  stateNumbers: 'float64',

  parameters(config, { inputCount, outputCount }) {
    const { lagCount } = wienerConfig.parse(config);
    return [
      { name: 'weight', shape: [outputCount, lagCount, inputCount] },
      { name: 'bias', shape: [outputCount] },
    ];
  },

  initialise(config, { inputCount, outputCount }) {
    const { lagCount } = wienerConfig.parse(config);
    return {
      weight: {
        shape: [outputCount, lagCount, inputCount],
        data: new Float32Array(outputCount * lagCount * inputCount),
      },
      bias: { shape: [outputCount], data: new Float32Array(outputCount) },
    };
  },

  referenceSequence(model, features, binCount) {
    return referenceSequence(model, wienerConfig.parse(model.config).lagCount, features, binCount);
  },

  createDecoder(model, kernels) {
    return new WienerDecoder(model, wienerConfig.parse(model.config).lagCount, kernels);
  },

  account(config, shape) {
    return wienerAccount(wienerConfig.parse(config).lagCount, shape);
  },
};
