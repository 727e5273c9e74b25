/** Every kind that is trained by gradient against PyTorch: golden files of several configs each, tools/golden/KIND.py. */
import { expect, it } from 'vitest';
import { decoderKinds } from '../../src/decoders/registry.ts';
import { describeDecoderGolden } from '../compliance/golden.ts';

const GOLDENS: Readonly<Record<string, readonly string[]>> = {
  gru: ['gru-1', 'gru-2'],
  mamba: ['mamba-1', 'mamba-2'],
  rwkv: ['rwkv-1', 'rwkv-2'],
  'spiking-ssm': ['spiking-ssm-lif', 'spiking-ssm-refractory', 'spiking-ssm-alif', 'spiking-ssm-ilif'],
  transformer: ['transformer-1', 'transformer-2'],
};
// Batch norm takes out what moves all rows alike, so gradients by what lies before it are small differences of sums.
const TOLERANCES: Readonly<Record<string, { gradient: number }>> = { 'spiking-ssm': { gradient: 2e-5 } };

const kinds = decoderKinds.filter(({ training }) => training === 'gradient');

it('has golden files of every kind', () => {
  expect(Object.keys(GOLDENS)).toEqual(kinds.map(({ name }) => name).sort());
});

for (const kind of kinds) {
  for (const name of GOLDENS[kind.name] ?? []) describeDecoderGolden(kind, name, TOLERANCES[kind.name]);
}
