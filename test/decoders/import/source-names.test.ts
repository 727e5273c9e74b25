import { describe, expect, it } from 'vitest';
import { isNamedBy, sourceNames } from '../../../src/decoders/import/source-names.ts';

const OURS = [
  'rnn.weight_ih_l0',
  'rnn.weight_hh_l0',
  'layers.0.mixer.D',
  'layers.11.mixer.D',
  'layers.11.norm.weight',
  'readout.bias',
];

function sources(names: Record<string, string>, prefix = ''): string[] {
  return [...sourceNames(OURS, { prefix, names }).values()];
}

describe('names in a state dict', () => {
  it('are ours where the config file says nothing', () => {
    expect(sources({})).toEqual(OURS);
  });

  it('begin with the prefix', () => {
    expect(sources({}, 'module.')).toEqual(OURS.map((name) => `module.${name}`));
  });

  it('have modules renamed, removed or put into another', () => {
    expect(sources({ rnn: '', readout: 'heads.velocity' })).toEqual([
      'weight_ih_l0',
      'weight_hh_l0',
      ...OURS.slice(2, 5),
      'heads.velocity.bias',
    ]);
    expect(sources({ rnn: 'gru' }, 'net.')[0]).toBe('net.gru.weight_ih_l0');
  });

  it('follow the longest line, and single tensors too', () => {
    expect(sources({ rnn: 'gru', 'rnn.weight_hh_l0': 'recurrent' }).slice(0, 2)).toEqual([
      'gru.weight_ih_l0',
      'recurrent',
    ]);
  });

  it("have numbers in place of '*'", () => {
    expect(sources({ 'layers.*.mixer': 'blocks.*.mamba', 'layers.*': 'stack.*' }).slice(2, 5)).toEqual([
      'blocks.0.mamba.D',
      'blocks.11.mamba.D',
      'stack.11.norm.weight',
    ]);
  });

  it('are not renamed in the middle of a word', () => {
    expect(() => sources({ rn: 'x' })).toThrow(
      expect.objectContaining({ code: 'CFG_IMPORT_INVALID', value: 'rn' }),
    );
    expect(() => sources({ 'layers.1': 'x' })).toThrow("begins with 'layers.1'");
  });

  it('refuse lines that give two tensors one name', () => {
    expect(() => sources({ 'layers.*': 'stack' })).toThrow(
      expect.objectContaining({ code: 'CFG_IMPORT_INVALID', value: 'stack.mixer.D' }),
    );
  });

  it('to ignore are whole names, or everything below one', () => {
    expect(isNamedBy('emb.weight', 'emb.weight')).toBe(true);
    expect(isNamedBy('emb', 'emb.weight')).toBe(false);
    expect(isNamedBy('emb.*', 'emb.weight')).toBe(true);
    expect(isNamedBy('emb.*', 'embedding.weight')).toBe(false);
  });
});
