/** docs/formats.md shows config files and states that are those of the program. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseImportConfig } from '../../src/decoders/import/import-config.ts';
import { sourceNames } from '../../src/decoders/import/source-names.ts';
import { onnxGraph } from '../../src/decoders/onnx/export-onnx.ts';
import { decoderKinds, findDecoderKind } from '../../src/decoders/registry.ts';
import { randomModel } from '../support/decoder-models.ts';

const TEXT = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8');

function section(title: string): string {
  const start = TEXT.indexOf(`\n## ${title}\n`);
  expect(start, title).toBeGreaterThan(0);
  expect(TEXT.indexOf(`\n## ${title}\n`, start + 1), `${title} stands there once`).toBe(-1);
  const end = TEXT.indexOf('\n## ', start + 1);
  return TEXT.slice(start, end === -1 ? undefined : end);
}

describe('docs/formats.md', () => {
  it.each([
    ['gru', 0, 'module.gru.weight_hh_l1'],
    ['mamba', 1, 'backbone.layers.1.mixer.A_log'],
    ['rwkv', 2, 'blocks.1.att.time_mix_k'],
  ])('has a config file to import a %s that works', (name, index, source) => {
    const blocks = [...section('Import').matchAll(/```json\n(.+?)```/gs)].map((match) => match[1]);
    expect(blocks).toHaveLength(3);
    const config = parseImportConfig(blocks[index]);
    const kind = findDecoderKind(name);
    const specs = kind.parameters(kind.configSchema.parse(config.config), { inputCount: 96, outputCount: 2 });
    const names = specs.map((spec) => spec.name);
    expect([...sourceNames(names, config).values()]).toContain(source);
    for (const zero of config.zeros) expect(names).toContain(zero);
  });

  it('lists the states of every kind with an ONNX form', () => {
    const rows = new Map(
      [...section('ONNX file').matchAll(/^\| `([a-z-]+)` \| (`.+)\|$/gm)].map((match) => [
        match[1],
        match[2],
      ]),
    );
    const able = decoderKinds.filter((kind) => kind.onnxStep !== undefined);
    expect([...rows.keys()].sort()).toEqual(able.map(({ name }) => name).sort());
    for (const kind of able) {
      const config = kind.name === 'spiking-ssm' ? { neuron: 'alif' } : {};
      const { states } = onnxGraph(randomModel(kind, { inputCount: 3, outputCount: 2 }, config, 1));
      const told = new Set(states.map(({ output }) => output.replace(/^next\./, '').replace(/\d+$/, 'L')));
      const documented = [...rows.get(kind.name)!.matchAll(/`(\w+_l?L|absent)`/g)].map((match) => match[1]);
      expect([...told].sort(), kind.name).toEqual(documented.sort());
    }
  });
});
