/**
 * The Kalman filter: movement as a hidden state that changes smoothly and is observed through every channel's spikes.
 * Wu, Gao, Bienenstock, Donoghue, Black 2006, "Bayesian population decoding of motor cortical activity using a Kalman
 * filter", Neural Computation 18:80-118, section 2; letters and the constant-gain form as in Golub et al. 2018, Nature
 * Neuroscience 21:607-616, Methods.
 *
 *   x[t] = A x[t-1] + b + w,   w ~ N(0, Q)        the state: z-scored outputs, then extra states
 *   z[t] = C x[t] + d + v,     v ~ N(0, R)        the z-scored features
 *
 *   x-  = A x + b                  predicted state           P-  = A P A^T + Q     its covariance
 *   P   = (I + P- M)^-1 P-         M = C^T R^-1 C            K   = P C^T R^-1      the gain
 *   x   = x- + K (z - d - C x-)
 *
 *   mode 'steadyState': P is the one that the filter settles at, so x = M1 x + K z + m0 with M1 = (I - K C) A and
 *                       m0 = (I - K C) b - K d. Cheapest, and what most laboratories run.
 *   mode 'full':        P starts at P0 and settles within the first bins: a better start after a reset.
 *
 * Where we differ: Wu et al. put a constant 1 into the state to hold b and d. Offsets are the same filter (the constant
 * has no variance) without a singular covariance. R is the full covariance, as in Wu et al.; see observation.ts for
 * silent channels and singular R. The state starts at x = 0: average outputs.
 */
import type { DecoderKind, DecoderShape, Model, Tensors } from '../decoder.ts';
import { kalmanAccount } from './account.ts';
import { kalmanConfig } from './config.ts';
import type { KalmanConfig } from './config.ts';
import { KalmanDecoder } from './decoder.ts';
import { referenceSequence } from './reference.ts';

export const kalman: DecoderKind = {
  name: 'kalman',
  configSchema: kalmanConfig,
  training: 'closedForm',
  stateNumbers: 'float64',

  parameters(config, shape) {
    return Object.entries(shapes(kalmanConfig.parse(config), shape)).map(([name, size]) => ({
      name,
      shape: size,
    }));
  },

  /** A filter that trusts the spikes nothing, and so gives average outputs. */
  initialise(config, shape) {
    const sizes = shapes(kalmanConfig.parse(config), shape);
    const identities = ['Q', 'R', 'P0'];
    const tensors: Record<string, Tensors[string]> = {};
    for (const [name, size] of Object.entries(sizes)) {
      const data = new Float32Array(size.reduce((product, n) => product * n, 1));
      if (identities.includes(name)) for (let i = 0; i < size[0]; i++) data[i * size[0] + i] = 1;
      tensors[name] = { shape: size, data };
    }
    return tensors;
  },

  referenceSequence(model, features, binCount) {
    return referenceSequence(model, kalmanConfig.parse(model.config), features, binCount);
  },

  createDecoder(model: Model, kernels) {
    return new KalmanDecoder(model, kalmanConfig.parse(model.config), kernels);
  },

  account(config, shape) {
    return kalmanAccount(kalmanConfig.parse(config), shape);
  },
};

/** k = outputs + extra states, n = features. */
function shapes(
  config: KalmanConfig,
  { inputCount: n, outputCount }: DecoderShape,
): Record<string, number[]> {
  const k = outputCount + config.extraStateNames.length;
  return { A: [k, k], b: [k], Q: [k, k], C: [n, k], d: [n], R: [n, n], P0: [k, k] };
}
