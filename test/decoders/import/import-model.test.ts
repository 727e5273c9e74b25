import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/decoders/decoder.ts';
import { gru } from '../../../src/decoders/gru/index.ts';
import { mamba } from '../../../src/decoders/mamba/index.ts';
import { rwkv } from '../../../src/decoders/rwkv/index.ts';
import { parseImportConfig } from '../../../src/decoders/import/import-config.ts';
import { importModel } from '../../../src/decoders/import/import-model.ts';
import { decodeModel, encodeModel } from '../../../src/decoders/model-file.ts';
import { shakenModel } from '../../support/decoder-models.ts';
import { betzErrorOf } from '../../support/recording-errors.ts';
import { importConfigEntries, importConfigOf, renamedTensors, stateDict } from '../../support/state-dict.ts';

const MODEL = shakenModel(gru, { inputCount: 4, outputCount: 2 }, { hiddenCount: 3, layerCount: 2 }, 5);

/** The parts that an import makes out of the file. */
function core({ kind, config, shape, tensors, normalisation, features, output, binMs }: Model): unknown {
  return { kind, config, shape, tensors, normalisation, features, output, binMs };
}

describe('import', () => {
  it('of our own names gives the model back', () => {
    const { model, ignored } = importModel('gru', stateDict(MODEL.tensors), importConfigOf(MODEL));
    expect(core(model)).toEqual(core(MODEL));
    expect(ignored).toEqual([]);
  });

  it('of PyTorch names, with sizes of one, a missing bias and more in the file', () => {
    const tensors = renamedTensors(
      MODEL,
      (name) => `net.${name.replace(/^rnn\./, '').replace(/^readout/, 'fc')}`,
      (shape, name) => (name === 'rnn.bias_ih_l0' ? [1, 1, ...shape] : shape),
    );
    delete tensors['net.fc.bias'];
    const file = stateDict({
      ...tensors,
      'net.aux.weight': { shape: [2], data: new Float32Array(2) },
      epoch: { shape: [], data: Float32Array.of(7) },
    });
    const config = importConfigOf(MODEL, {
      prefix: 'net.',
      names: { rnn: '', readout: 'fc' },
      zeros: ['readout.bias'],
      ignore: ['net.aux.*', 'epoch'],
    });
    const { model, sources, ignored } = importModel('gru', file, config);
    expect(model.tensors['readout.bias'].data).toEqual(new Float32Array(2));
    expect(model.tensors['rnn.bias_ih_l0']).toEqual(MODEL.tensors['rnn.bias_ih_l0']);
    expect(sources.get('rnn.weight_hh_l1')).toBe('net.weight_hh_l1');
    expect(sources.has('readout.bias')).toBe(false);
    expect(ignored).toEqual(['net.aux.weight', 'epoch']);
    expect(decodeModel(encodeModel(model)).provenance).toMatchObject({
      zeros: ['readout.bias'],
      importedTensors: { 'readout.weight': 'net.fc.weight' },
    });
  });

  it('takes the normalisation from numbers, lists and tensors of the file', () => {
    const file = stateDict({ ...MODEL.tensors, mu: { shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) } });
    const normalisation = { featureMean: 'mu', featureScale: 0.5, outputMean: [1, -1], outputScale: 2 };
    const { model } = importModel('gru', file, importConfigOf(MODEL, { normalisation }));
    expect(model.normalisation).toEqual({
      featureMean: Float32Array.of(1, 2, 3, 4),
      featureScale: new Float32Array(4).fill(0.5),
      outputMean: Float32Array.of(1, -1),
      outputScale: Float32Array.of(2, 2),
    });
  });

  it('numbers channels that have no labels', () => {
    const { model } = importModel('gru', stateDict(MODEL.tensors), importConfigOf(MODEL, { channels: 4 }));
    expect(model.features.channelLabels).toEqual(['ch0', 'ch1', 'ch2', 'ch3']);
  });
});

describe('state dicts with the names of their authors', () => {
  it('mamba-ssm: a backbone of blocks, its table of words left out', () => {
    const model = shakenModel(mamba, { inputCount: 3, outputCount: 2 }, { width: 8, layerCount: 2 }, 4);
    const tensors = renamedTensors(model, (name) =>
      /^(layers|norm_f)\./.test(name) ? `backbone.${name}` : name.replace('embedding', 'encoder'),
    );
    const file = stateDict({
      ...tensors,
      'backbone.embedding.weight': { shape: [1, 8], data: new Float32Array(8) },
    });
    const config = importConfigOf(model, {
      names: { layers: 'backbone.layers', norm_f: 'backbone.norm_f', embedding: 'encoder' },
      ignore: ['backbone.embedding.weight'],
    });
    expect(core(importModel('mamba', file, config).model)).toEqual(core(model));
  });

  it('mamba-ssm: blocks by themselves under names of a module around them', () => {
    const model = shakenModel(mamba, { inputCount: 3, outputCount: 2 }, { width: 8, layerCount: 2 }, 4);
    const file = stateDict(
      renamedTensors(model, (name) => name.replace(/^layers\.(\d+)\.mixer/, 'encoder.$1.mamba')),
    );
    const config = importConfigOf(model, { names: { 'layers.*.mixer': 'encoder.*.mamba' } });
    expect(core(importModel('mamba', file, config).model)).toEqual(core(model));
  });

  it('RWKV-4: shares [1, 1, d], a head without bias, a table of words', () => {
    const model = shakenModel(rwkv, { inputCount: 3, outputCount: 2 }, { width: 8, layerCount: 2 }, 4);
    model.tensors['readout.bias'].data.fill(0);
    const tensors = renamedTensors(
      model,
      (name) => name.replace(/^readout/, 'head').replace(/^embedding/, 'input'),
      (shape, name) => (name.includes('time_mix') ? [1, 1, ...shape] : shape),
    );
    delete tensors['head.bias'];
    const file = stateDict({ ...tensors, 'emb.weight': { shape: [4, 8], data: new Float32Array(32) } });
    const config = importConfigOf(model, {
      names: { readout: 'head', embedding: 'input' },
      zeros: ['readout.bias'],
      ignore: ['emb.weight'],
    });
    expect(core(importModel('rwkv', file, config).model)).toEqual(core(model));
  });
});

describe('an import that does not fit', () => {
  it('lists everything that is missing, misshapen or without a place', () => {
    const tensors = renamedTensors(
      MODEL,
      (name) => (name === 'readout.weight' ? 'fc.weight' : name),
      (shape, name) => (name === 'rnn.weight_hh_l1' ? [3, 9] : shape),
    );
    const error = betzErrorOf(() => importModel('gru', stateDict(tensors), importConfigOf(MODEL)));
    expect(error.code).toBe('DEC_IMPORT_TENSORS_UNMATCHED');
    expect(error.message).toContain('1 missing, 1 of another shape, 1 without a place');
    expect(error.value).toEqual({
      missing: ['readout.weight [2, 3]'],
      misshapen: ['rnn.weight_hh_l1 [3, 9], expected [9, 3]'],
      unexpected: ['fc.weight [2, 3]'],
    });
  });

  it('names the place in the file and ours', () => {
    const config = importConfigOf(MODEL, { names: { rnn: 'gru' } });
    const { value } = betzErrorOf(() => importModel('gru', stateDict({}), config));
    expect((value as { missing: string[] }).missing).toContain(
      'gru.weight_ih_l0 (our rnn.weight_ih_l0) [9, 4]',
    );
  });

  it('refuses a bidirectional GRU, whose other direction has no place', () => {
    const file = stateDict({
      ...MODEL.tensors,
      'rnn.weight_ih_l0_reverse': { shape: [9, 4], data: new Float32Array(36) },
    });
    const { value } = betzErrorOf(() => importModel('gru', file, importConfigOf(MODEL)));
    expect(value).toMatchObject({ unexpected: ['rnn.weight_ih_l0_reverse [9, 4]'] });
  });

  it('refuses a kind that there is not', () => {
    const run = (): unknown => importModel('lstm', stateDict(MODEL.tensors), importConfigOf(MODEL));
    expect(betzErrorOf(run).code).toBe('DEC_KIND_UNKNOWN');
  });

  it('refuses a file that is no safetensors file', () => {
    const run = (): unknown => importModel('gru', new Uint8Array(100).fill(7), importConfigOf(MODEL));
    expect(betzErrorOf(run).code).toMatch(/^DEC_MODEL_/);
  });

  it('refuses what torch.save writes, and says what to do', () => {
    const file = Uint8Array.of(0x50, 0x4b, 3, 4, ...new Uint8Array(60));
    const error = betzErrorOf(() => importModel('gru', file, importConfigOf(MODEL)));
    expect(error.code).toBe('DEC_IMPORT_ZIP');
    expect(error.tip).toContain('save_file');
  });

  it('reads a file whose header happens to be as long as the first letters of a zip archive', () => {
    const file = stateDict(MODEL.tensors);
    const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
    const padded = new Uint8Array(8 + 0x4b50 + file.length - 8 - length);
    new DataView(padded.buffer).setBigUint64(0, 0x4b50n, true);
    padded.fill(0x20, 8, 8 + 0x4b50);
    padded.set(file.subarray(8, 8 + length), 8);
    padded.set(file.subarray(8 + length), 8 + 0x4b50);
    expect(String.fromCharCode(padded[0], padded[1])).toBe('PK');
    const { model } = importModel('gru', padded, importConfigOf(MODEL));
    expect(model.tensors).toEqual(MODEL.tensors);
  });

  it('refuses NaN, naming the tensor as the file does', () => {
    const tensors = renamedTensors(MODEL, (name) => `m.${name}`);
    tensors['m.readout.bias'].data = Float32Array.of(0, Number.NaN);
    const run = (): unknown =>
      importModel('gru', stateDict(tensors), importConfigOf(MODEL, { prefix: 'm.' }));
    expect(betzErrorOf(run)).toMatchObject({ code: 'DEC_MODEL_VALUE_NOT_FINITE' });
    expect(betzErrorOf(run).message).toContain('m.readout.bias');
  });
});

describe('a config file of an import', () => {
  const GOOD = importConfigEntries(MODEL);
  const NORMALISATION = { featureMean: 0, featureScale: 1, outputMean: 0, outputScale: 1 };
  const BAD: readonly [string, Record<string, unknown>, RegExp][] = [
    ['an unknown entry', { channel: 4 }, /channel/],
    ['no channels', { channels: undefined }, /channels/],
    ['no bin width', { binMs: undefined }, /binMs/],
    ['a bin width of zero', { binMs: 0 }, /binMs/],
    ['no normalisation', { normalisation: undefined }, /normalisation/],
    ['half a normalisation', { normalisation: { featureMean: 0 } }, /featureScale/],
    ['a scale below zero', { normalisation: { ...NORMALISATION, featureScale: -1 } }, /featureScale/],
    ['an output scale of zero', { normalisation: { ...NORMALISATION, outputScale: 0 } }, /outputScale/],
    ['a smoothing of one', { smoothing: 1 }, /smoothing/],
    ['an output without a label', { output: { name: 'v', labels: [], unit: '' } }, /output\.labels/],
    ['names that are a list', { names: ['gru'] }, /names/],
    ['no channel', { channels: 0 }, /channels/],
  ];
  it.each(BAD)('with %s is refused', (_what, changes, message) => {
    const error = betzErrorOf(() => parseImportConfig(JSON.stringify({ ...GOOD, ...changes })));
    expect(error.code).toBe('CFG_IMPORT_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
  });

  it.each([
    ['text that is not JSON', '{"channels":'],
    ['an entry named twice', '{"binMs":20,"binMs":10}'],
    ['a list', '[]'],
    ['nothing', ''],
  ])('that is %s is refused', (_what, text) => {
    expect(betzErrorOf(() => parseImportConfig(text)).code).toBe('CFG_IMPORT_INVALID');
  });

  const UNFIT: readonly [string, Record<string, unknown>, RegExp][] = [
    ['a setting that the kind does not have', { config: { heads: 2 } }, /heads/],
    ['a name that no tensor has', { names: { encoder: 'x' } }, /encoder/],
    ['a zero that is no tensor of ours', { zeros: ['fc.bias'] }, /zeros/],
    ['a tensor to ignore that the file lacks', { ignore: ['emb.weight'] }, /ignore/],
    [
      'a mean for another number of channels',
      { normalisation: { ...NORMALISATION, featureMean: [1] } },
      /featureMean/,
    ],
    [
      'a mean in a tensor that the file lacks',
      { normalisation: { ...NORMALISATION, featureMean: 'mu' } },
      /featureMean/,
    ],
  ];
  it.each(UNFIT)('with %s is refused', (_what, changes, message) => {
    const file = stateDict(MODEL.tensors);
    const error = betzErrorOf(() => importModel('gru', file, importConfigOf(MODEL, changes)));
    expect(error.code).toBe('CFG_IMPORT_INVALID');
    expect(`${error.message} ${String(error.value)}`).toMatch(message);
  });
});
