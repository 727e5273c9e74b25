/** `betz import` and `betz export`: models from and for other programs. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TensorData } from '../../src/decoders/decoder.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { rwkv } from '../../src/decoders/rwkv/index.ts';
import { wiener } from '../../src/decoders/wiener/index.ts';
import { readModelFile, writeModelFile } from '../../src/host/model-store.ts';
import { failureOf, inFolder, jsonOf, listing } from '../support/cli.ts';
import { runHere } from '../support/cli-in-process.ts';
import { randomModel } from '../support/decoder-models.ts';
import { goldenPath } from '../support/golden.ts';
import { readOnnx } from '../support/onnx-reader.ts';
import { importConfigEntries, renamedTensors, stateDict } from '../support/state-dict.ts';

const MODEL = randomModel(gru, { inputCount: 4, outputCount: 2 }, { hiddenCount: 3 }, 5);
const NAMES = { rnn: '', readout: 'fc' };
const IMPORT = ['import', '--from', 'a.pt', '--kind', 'gru', '--config', 'a.json', '--out', 'a.model'];

const AROUND = {
  channels: 5,
  binMs: 20,
  output: MODEL.output,
  normalisation: { featureMean: 0, featureScale: 1, outputMean: 0, outputScale: 1 },
};
/** Of the state dicts of tools/golden/state_dict.py. */
const GOLDEN_CONFIGS: Record<string, object> = {
  mamba: {
    ...AROUND,
    config: { width: 8, stateCount: 4 },
    names: {
      embedding: 'backbone.embedding',
      layers: 'backbone.layers',
      norm_f: 'backbone.norm_f',
      readout: 'lm_head',
    },
    zeros: ['readout.bias'],
  },
  rwkv: {
    ...AROUND,
    config: { width: 8 },
    names: { embedding: 'emb', readout: 'head' },
    zeros: ['embedding.bias', 'readout.bias'],
  },
};

/** A PyTorch state dict and its config file, with changes in both; a tensor that is undefined is left out. */
function writeStateDict(
  folder: string,
  changes: Record<string, unknown> = {},
  tensorChanges: Record<string, TensorData | undefined> = {},
): void {
  const tensors = renamedTensors(MODEL, (name) => name.replace(/^rnn\./, '').replace(/^readout/, 'fc'));
  for (const [name, tensor] of Object.entries(tensorChanges)) {
    if (tensor === undefined) Reflect.deleteProperty(tensors, name);
    else tensors[name] = tensor;
  }
  writeFileSync(join(folder, 'a.pt'), stateDict(tensors));
  const config = { ...importConfigEntries(MODEL), names: NAMES, ...changes };
  writeFileSync(join(folder, 'a.json'), JSON.stringify(config));
}

describe('betz import', () => {
  it('writes a model that says where it is from', () =>
    inFolder(async (cwd) => {
      writeStateDict(cwd);
      const result = await runHere([...IMPORT, '--json'], cwd);
      expect(result).toMatchObject({ code: 0, stderr: '' });
      expect(jsonOf(result)).toMatchObject({
        decoder: 'gru',
        tensors: 6,
        zeros: [],
        ignored: [],
        out: 'a.model',
      });
      const { model } = readModelFile(join(cwd, 'a.model'));
      expect(model.tensors).toEqual(MODEL.tensors);
      expect(model.provenance).toMatchObject({
        importedFrom: 'a.pt',
        importedTensors: { 'readout.bias': 'fc.bias' },
      });
      expect((await runHere([...IMPORT, '--replace'], cwd)).stdout).toBe(
        'gru model from 6 tensors of a.pt\nwritten to a.model\nwhat was there is kept as a.model.previous-1\n',
      );
    }));

  it('leaves a file that is there as it is, unless it may be replaced', () =>
    inFolder(async (cwd) => {
      writeStateDict(cwd);
      writeFileSync(join(cwd, 'a.model'), 'in service');
      expect(failureOf(await runHere(IMPORT, cwd)).code).toBe('CFG_FILE_EXISTS');
      expect(readFileSync(join(cwd, 'a.model'), 'utf8')).toBe('in service');
    }));

  it('does what the example of its help says', () =>
    inFolder(async (cwd) => {
      const { stdout } = await runHere(['import', '--help']);
      writeFileSync(join(cwd, 'import.json'), stdout.slice(stdout.indexOf('  {')));
      const model = randomModel(gru, { inputCount: 96, outputCount: 2 }, { hiddenCount: 128 }, 6);
      const tensors = renamedTensors(model, (name) => name.replace(/^rnn/, 'gru').replace(/^readout/, 'fc'));
      writeFileSync(join(cwd, 'state.safetensors'), stateDict(tensors));
      const words = /\$ betz (import .+)/.exec(stdout)![1].split(' ');
      expect(await runHere(words, cwd)).toMatchObject({ code: 0, stderr: '' });
      expect(readModelFile(join(cwd, 'model.safetensors')).model.tensors).toEqual(model.tensors);
    }));

  it.each(['mamba', 'rwkv'])('takes a state dict of %s, and its model can be exported', (kind) =>
    inFolder(async (cwd) => {
      copyFileSync(goldenPath(`state-dict-${kind}.safetensors`), join(cwd, 'a.pt'));
      writeFileSync(join(cwd, 'a.json'), JSON.stringify(GOLDEN_CONFIGS[kind]));
      const words = IMPORT.map((word) => (word === 'gru' ? kind : word));
      const result = await runHere(words, cwd);
      expect(result).toMatchObject({ code: 0, stderr: '' });
      expect(result.stdout).toContain('zero, as the config file says: ');
      expect(await runHere(['export', '--model', 'a.model', '--onnx', 'a.onnx'], cwd)).toMatchObject({
        code: 0,
        stderr: '',
      });
    }),
  );

  const BIAS = MODEL.tensors['readout.bias'];
  const DAMAGES: readonly [string, string, Record<string, TensorData | undefined>][] = [
    ['lacks a tensor', 'DEC_IMPORT_TENSORS_UNMATCHED', { 'fc.bias': undefined }],
    ['has one more', 'DEC_IMPORT_TENSORS_UNMATCHED', { 'gain.weight': BIAS }],
    [
      'has one of another shape',
      'DEC_IMPORT_TENSORS_UNMATCHED',
      { 'fc.bias': { shape: [3], data: new Float32Array(3) } },
    ],
    ['holds NaN', 'DEC_MODEL_VALUE_NOT_FINITE', { 'fc.bias': { shape: [2], data: Float32Array.of(0, NaN) } }],
    [
      'holds infinity',
      'DEC_MODEL_VALUE_NOT_FINITE',
      { 'fc.bias': { shape: [2], data: Float32Array.of(0, -Infinity) } },
    ],
  ];
  it.each(DAMAGES)(
    'refuses a state dict that %s with %s, and leaves the model there was',
    (_, code, changes) =>
      inFolder(async (cwd) => {
        writeStateDict(cwd, {}, changes);
        writeFileSync(join(cwd, 'a.model'), 'the model there was');
        expect(failureOf(await runHere([...IMPORT, '--replace'], cwd)).code).toBe(code);
        expect(readFileSync(join(cwd, 'a.model'), 'utf8')).toBe('the model there was');
        expect(listing(cwd)).toEqual(['a.json', 'a.model', 'a.pt']);
      }),
  );

  it('lists what does not fit, and writes nothing', () =>
    inFolder(async (cwd) => {
      writeStateDict(cwd, { names: {} });
      const result = await runHere([...IMPORT, '--json'], cwd);
      expect(result.code).toBe(1);
      expect(failureOf(result).code).toBe('DEC_IMPORT_TENSORS_UNMATCHED');
      expect(jsonOf(result)).toMatchObject({
        error: { value: { missing: expect.arrayContaining(['readout.bias [2]']) as unknown } },
      });
      expect(listing(cwd)).toEqual(['a.json', 'a.pt']);
    }));

  it.each([
    ['no config file', 'CFG_FILE_UNREADABLE', { config: 'b.json' }],
    ['a folder as the config file', 'CFG_FILE_UNREADABLE', { config: '.' }],
    ['a config file that is not JSON', 'CFG_IMPORT_INVALID', { config: 'a.pt' }],
    ['no state dict', 'DEC_MODEL_FILE_MISSING', { from: 'b.pt' }],
    ['a state dict that is not one', 'DEC_MODEL_FORMAT_UNKNOWN', { from: 'a.json' }],
    ['a kind that there is not', 'DEC_KIND_UNKNOWN', { kind: 'lstm' }],
    ['a model in the place of the state dict', 'CFG_USAGE', { out: './a.pt' }],
    ['nowhere to write', 'DEC_MODEL_FILE_UNWRITABLE', { out: 'no/a.model' }],
  ])('refuses %s with %s, and writes nothing', (_what, code, changes) =>
    inFolder(async (cwd) => {
      writeStateDict(cwd);
      const options = { from: 'a.pt', kind: 'gru', config: 'a.json', out: 'a.model', ...changes };
      const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
      const before = readFileSync(join(cwd, 'a.pt'));
      expect(failureOf(await runHere(['import', ...words], cwd)).code).toBe(code);
      expect(listing(cwd)).toEqual(['a.json', 'a.pt']);
      expect(readFileSync(join(cwd, 'a.pt'))).toEqual(before);
    }),
  );
});

describe('betz export', () => {
  const EXPORT = ['export', '--model', 'a.model', '--onnx', 'a.onnx'];

  it('writes an ONNX file and says what goes in and out', () =>
    inFolder(async (cwd) => {
      writeModelFile(join(cwd, 'a.model'), MODEL);
      const result = await runHere([...EXPORT, '--json'], cwd);
      expect(result).toMatchObject({ code: 0, stderr: '' });
      const bytes = readFileSync(join(cwd, 'a.onnx'));
      const file = readOnnx(bytes);
      const told = jsonOf(result) as { inputs: { name: string }[]; outputs: { name: string }[] };
      expect(told).toMatchObject({ decoder: 'gru', bytes: bytes.length, out: 'a.onnx' });
      expect(told.inputs.map(({ name }) => name)).toEqual([...file.inputs.keys()]);
      expect(told.outputs.map(({ name }) => name)).toEqual([...file.outputs.keys()]);
      const { stdout } = await runHere([...EXPORT, '--replace'], cwd);
      expect(stdout).toContain('  in   state.h_l0 [1, 1, 3]\n');
      expect(stdout).toContain('  out  output [1, 2]\n');
      expect(stdout).toMatch(/written to a\.onnx\nwhat was there is kept as a\.onnx\.previous-1\n$/);
    }));

  it('tells first values of states that are not 0, and that weights were int8', () =>
    inFolder(async (cwd) => {
      const model = randomModel(rwkv, MODEL.shape, { width: 8, layerCount: 1 }, 5);
      writeModelFile(join(cwd, 'a.model'), quantiseModel(model));
      const { stdout } = await runHere(EXPORT, cwd);
      expect(stdout).toContain('  in   state.pp_0 [1, 8], -1e+30 at first\n');
      expect(stdout).toContain('  in   state.aa_0 [1, 8]\n');
      expect(stdout).toContain('\nint8 weights, written as the float32 numbers that they stand for\n');
      expect(jsonOf(await runHere([...EXPORT, '--replace', '--json'], cwd))).toMatchObject({
        precision: 'int8',
        previous: 'a.onnx.previous-1',
      });
      writeModelFile(join(cwd, 'a.model'), model);
      const plain = await runHere([...EXPORT, '--replace'], cwd);
      expect(plain).toMatchObject({ code: 0 });
      expect(plain.stdout).not.toContain('int8');
    }));

  it.each([
    ['a kind without an ONNX form', 'DEC_ONNX_UNSUPPORTED', 'wiener.model', 'a.onnx'],
    ['no model', 'DEC_MODEL_FILE_MISSING', 'b.model', 'a.onnx'],
    ['an ONNX file in the place of the model', 'CFG_USAGE', 'a.model', './a.model'],
    ['nowhere to write', 'DEC_MODEL_FILE_UNWRITABLE', 'a.model', 'no/a.onnx'],
    ['another model in the place of the file', 'CFG_FILE_EXISTS', 'a.model', 'wiener.model'],
  ])('refuses %s with %s, and writes nothing', (_what, code, model, onnx) =>
    inFolder(async (cwd) => {
      writeModelFile(join(cwd, 'a.model'), MODEL);
      writeModelFile(join(cwd, 'wiener.model'), randomModel(wiener, MODEL.shape, {}, 1));
      const result = await runHere(['export', '--model', model, '--onnx', onnx], cwd);
      expect(failureOf(result).code).toBe(code);
      expect(listing(cwd)).toEqual(['a.model', 'wiener.model']);
      expect(readModelFile(join(cwd, 'a.model')).model.tensors).toEqual(MODEL.tensors);
    }),
  );
});
