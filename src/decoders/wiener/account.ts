import type { StepAccount } from '../account.ts';
import type { DecoderShape } from '../decoder.ts';

export function wienerAccount(lagCount: number, { inputCount, outputCount }: DecoderShape): StepAccount {
  const outputAdditions = outputCount * (lagCount === 1 ? 1 : 2); // the constant, and what earlier bins left
  const pendingAdditions = outputCount * Math.max(0, lagCount - 2);
  return {
    maps: [{ name: 'weight', rows: lagCount * outputCount, cols: inputCount, inputs: 'counts' }],
    stateUpdates: [
      {
        name: 'lags',
        multiplications: 0,
        additions: outputAdditions + pendingAdditions,
        functions: 0,
      },
    ],
  };
}
