import type { StateUpdate, StepAccount } from '../account.ts';
import type { DecoderShape } from '../decoder.ts';
import type { KalmanConfig } from './config.ts';

/** The map of the features, the gain K or (in mode 'full') C^T R^-1: computed from several tensors, and none itself. */
export const PROJECTION = 'projection';

export function kalmanAccount(
  { mode, extraStateNames }: KalmanConfig,
  { inputCount, outputCount }: DecoderShape,
): StepAccount {
  const k = outputCount + extraStateNames.length;
  const scaling = { name: 'output', multiplications: outputCount, additions: outputCount, functions: 0 };
  return {
    maps: [{ name: PROJECTION, rows: k, cols: inputCount, inputs: 'counts' }],
    stateUpdates: [mode === 'full' ? fullUpdate(k) : steadyUpdate(k), scaling],
  };
}

/** x = M1 x + K z + m0 */
function steadyUpdate(k: number): StateUpdate {
  return { name: 'filter', multiplications: k ** 2, additions: k ** 2 + 2 * k, functions: 0 };
}

/** As decoder.ts computes it: three products and a system of k x k for P, four products with vectors for x. */
function fullUpdate(k: number): StateUpdate {
  const products = 3 * k ** 3;
  const vectors = 3 * k ** 2;
  const symmetrising = (k * (k - 1)) / 2;
  const { multiplications, functions } = solveCounts(k);
  return {
    name: 'filter',
    multiplications: products + multiplications + symmetrising + vectors,
    additions: products + multiplications + symmetrising + vectors + k ** 2 + 4 * k, // Q, I, b, (z - d), x-
    functions,
  };
}

/** Of a k x k system with k right sides; every multiplication comes with a subtraction, divisions are functions. */
function solveCounts(k: number): { multiplications: number; functions: number } {
  let multiplications = (k * k * (k - 1)) / 2; // back substitution
  let functions = k ** 2;
  for (let column = 0; column < k; column++) {
    const rowsBelow = k - 1 - column;
    multiplications += rowsBelow * (k - column + k);
    functions += rowsBelow;
  }
  return { multiplications, functions };
}
