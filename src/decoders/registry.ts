/** Every kind of decoder, one line each. */
import { BetzError } from '../core/errors.ts';
import type { DecoderKind } from './decoder.ts';
import { gru } from './gru/index.ts';
import { kalman } from './kalman/index.ts';
import { transformer } from './transformer/index.ts';
import { rwkv } from './rwkv/index.ts';
import { mamba } from './mamba/index.ts';
import { spikingSsm } from './spiking-ssm/index.ts';
import { wiener } from './wiener/index.ts';

export const decoderKinds: readonly DecoderKind[] = [
  gru, // Cho et al. 2014: gated recurrent units
  kalman, // Wu et al. 2006: velocity as a hidden state that the spikes observe
  transformer, // Vaswani et al. 2017, pre-norm: attention over the last bins
  rwkv, // Peng et al. 2023: RWKV-4, an average over time with learned decays
  mamba, // Gu and Dao 2023: selective state spaces
  spikingSsm, // Shen et al. 2024: state space models that drive spiking neurons
  wiener, // ridge regression over the last bins
];

/** @throws BetzError DEC_KIND_UNKNOWN */
export function findDecoderKind(name: string, kinds: readonly DecoderKind[] = decoderKinds): DecoderKind {
  const kind = kinds.find((candidate) => candidate.name === name);
  if (kind === undefined) {
    throw new BetzError('DEC_KIND_UNKNOWN', `there is no decoder '${name}'`, {
      value: name,
      tip: `Choose one of: ${kinds.map((candidate) => candidate.name).join(', ')}.`,
    });
  }
  return kind;
}
