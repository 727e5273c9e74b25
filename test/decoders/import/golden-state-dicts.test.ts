/** State dicts that PyTorch wrote (tools/golden/state_dict.py) decode as their modules do, and damaged ones are refused. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TensorData } from '../../../src/decoders/decoder.ts';
import { parseImportConfig } from '../../../src/decoders/import/import-config.ts';
import type { ImportedModel } from '../../../src/decoders/import/import-model.ts';
import { importModel } from '../../../src/decoders/import/import-model.ts';
import { findDecoderKind } from '../../../src/decoders/registry.ts';
import { readSafetensors } from '../../../src/decoders/safetensors.ts';
import { loadKernels } from '../../../src/host/load-kernels.ts';
import { expectClose } from '../../support/cases.ts';
import { Golden, goldenPath } from '../../support/golden.ts';
import { betzErrorOf } from '../../support/recording-errors.ts';
import { stateDict } from '../../support/state-dict.ts';

const AROUND = {
  channels: 5,
  binMs: 20,
  output: { name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' },
  normalisation: { featureMean: 0, featureScale: 1, outputMean: 0, outputScale: 1 },
};
/** What a user writes for each: sizes that shapes alone do not give, and where the maps around the blocks are. */
const CASES = [
  {
    kind: 'gru',
    entries: {
      config: { hiddenCount: 6, layerCount: 2 },
      prefix: 'module.',
      names: { rnn: 'gru', readout: 'fc' },
      ignore: ['module.steps'],
    },
    aMatrix: 'module.gru.weight_hh_l1',
    place: 'module.gru.weight_hh_l1 (our rnn.weight_hh_l1)',
  },
  {
    kind: 'mamba',
    entries: {
      config: { width: 8, layerCount: 2, stateCount: 4 },
      names: {
        embedding: 'backbone.embedding',
        layers: 'backbone.layers',
        norm_f: 'backbone.norm_f',
        readout: 'lm_head',
      },
      zeros: ['readout.bias'],
    },
    aMatrix: 'backbone.layers.1.mixer.x_proj.weight',
    place: 'backbone.layers.1.mixer.x_proj.weight (our layers.1.mixer.x_proj.weight)',
  },
  {
    kind: 'rwkv',
    entries: {
      config: { width: 8, layerCount: 2 },
      names: { embedding: 'emb', readout: 'head' },
      zeros: ['embedding.bias', 'readout.bias'],
    },
    aMatrix: 'blocks.0.ffn.key.weight',
    place: 'blocks.0.ffn.key.weight',
  },
];

const SHAPES: readonly [string, string, readonly number[]][] = [
  ['mamba', 'backbone.layers.0.mixer.conv1d.weight', [16, 1, 4]],
  ['mamba', 'backbone.layers.0.mixer.in_proj.weight', [32, 8]],
  ['mamba', 'backbone.layers.0.mixer.x_proj.weight', [9, 16]],
  ['mamba', 'backbone.layers.0.mixer.A_log', [16, 4]],
  ['rwkv', 'blocks.0.att.time_mix_k', [1, 1, 8]],
  ['rwkv', 'blocks.0.att.time_decay', [8]],
  ['rwkv', 'blocks.1.ffn.key.weight', [32, 8]],
  ['rwkv', 'blocks.0.ln0.bias', [8]],
];

function imported(kind: string, file: Uint8Array, entries: object): ImportedModel {
  return importModel(kind, file, parseImportConfig(JSON.stringify({ ...AROUND, ...entries })));
}

/** The floats of the state dict under their names, to be changed and written again. */
function tensorsOf(kind: string): Record<string, TensorData> {
  const golden = new Golden(`state-dict-${kind}-expected.safetensors`);
  const names = [...readSafetensors(fixture(kind)).tensors.keys()];
  return Object.fromEntries(
    names.filter((name) => name !== 'module.steps').map((name) => [name, golden.tensor(name)]),
  );
}

function fixture(kind: string): Uint8Array {
  return readFileSync(goldenPath(`state-dict-${kind}.safetensors`));
}

describe.each(CASES)('a $kind state dict of PyTorch', ({ kind, entries, aMatrix, place }) => {
  it('decodes as its module does, bin by bin', () => {
    const golden = new Golden(`state-dict-${kind}-expected.safetensors`);
    const { model } = imported(kind, fixture(kind), entries);
    const decoder = findDecoderKind(kind).createDecoder(model, loadKernels());
    const output = new Float32Array(2);
    const binCount = golden.tensor('stream.input').shape[0];
    expect(binCount).toBe(40);
    for (let bin = 0; bin < binCount; bin++) {
      decoder.step(golden.row('stream.input', bin), output);
      expectClose(output, golden.row('stream.output', bin), () => 2e-6);
    }
  });

  it('holds BF16 beside wider floats, and every number comes over as it is', () => {
    const types = new Set([...readSafetensors(fixture(kind)).tensors.values()].map(({ dtype }) => dtype));
    expect([...types]).toEqual(expect.arrayContaining(['BF16', 'F16']));
    const golden = new Golden(`state-dict-${kind}-expected.safetensors`);
    const { model, sources } = imported(kind, fixture(kind), entries);
    for (const [ours, source] of sources) expect(model.tensors[ours].data).toEqual(golden.values(source));
  });

  it('is refused without any one of its tensors', () => {
    const tensors = tensorsOf(kind);
    const complete = { ...entries, ignore: [] };
    expect(imported(kind, stateDict(tensors), complete).sources.size).toBe(Object.keys(tensors).length);
    for (const name of Object.keys(tensors)) {
      const rest = Object.fromEntries(Object.entries(tensors).filter(([other]) => other !== name));
      const error = betzErrorOf(() => imported(kind, stateDict(rest), complete));
      expect(error.code, name).toBe('DEC_IMPORT_TENSORS_UNMATCHED');
      const { missing, misshapen, unexpected } = error.value as Record<string, string[]>;
      expect([missing.length, misshapen, unexpected]).toEqual([1, [], []]);
      expect(missing[0].startsWith(`${name} `), missing[0]).toBe(true);
    }
  });

  it('is refused with one more, one of another shape, or one transposed', () => {
    const complete = { ...entries, ignore: [] };
    const refuse = (changes: Record<string, TensorData>): unknown => {
      const file = stateDict({ ...tensorsOf(kind), ...changes });
      const error = betzErrorOf(() => imported(kind, file, complete));
      expect(error.code).toBe('DEC_IMPORT_TENSORS_UNMATCHED');
      return error.value;
    };
    expect(refuse({ extra: { shape: [3], data: new Float32Array(3) } })).toMatchObject({
      unexpected: ['extra [3]'],
    });
    const { shape, data } = tensorsOf(kind)[aMatrix];
    const [rows, cols] = shape;
    expect(refuse({ [aMatrix]: { shape: [cols, rows], data } })).toEqual({
      missing: [],
      misshapen: [`${place} [${cols}, ${rows}], expected [${rows}, ${cols}]`],
      unexpected: [],
    });
    expect(refuse({ [aMatrix]: { shape: [rows * cols], data } })).toMatchObject({
      misshapen: [`${place} [${rows * cols}], expected [${rows}, ${cols}]`],
    });
  });

  it.each([Number.NaN, Infinity, -Infinity])('is refused with a weight of %d', (bad) => {
    const tensors = tensorsOf(kind);
    tensors[aMatrix].data[3] = bad;
    const error = betzErrorOf(() => imported(kind, stateDict(tensors), { ...entries, ignore: [] }));
    expect(error).toMatchObject({ code: 'DEC_MODEL_VALUE_NOT_FINITE' });
    expect(error.message).toContain(`'${aMatrix}'`);
    expect(String(error.value)).toContain('element 3');
  });

  it('is refused with sizes in the config file that are not its own', () => {
    const config = { ...entries.config, layerCount: 3 };
    const error = betzErrorOf(() => imported(kind, fixture(kind), { ...entries, config }));
    expect(error.code).toBe('DEC_IMPORT_TENSORS_UNMATCHED');
    expect((error.value as { missing: string[] }).missing.length).toBeGreaterThan(3);
  });
});

describe('names and shapes of the authors', () => {
  it.each(SHAPES)('%s: %s is %j', (kind, name, shape) => {
    expect(readSafetensors(fixture(kind)).tensors.get(name)?.shape).toEqual(shape);
  });
});
