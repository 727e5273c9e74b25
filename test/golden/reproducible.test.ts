/** The committed golden files are what their scripts write. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Golden, goldenPath } from '../support/golden.ts';

const PYTHON = '/usr/bin/python3';
/** PyTorch takes one Python step for each of 10,000 bins. */
const SCRIPT_MS = 180_000;

function installedTorch(): string | undefined {
  const { status, stdout } = spawnSync(PYTHON, ['-c', 'import torch; print(torch.__version__)'], {
    encoding: 'utf8',
  });
  return status === 0 ? stdout.trim() : undefined;
}

const version = new Golden('optimiser.safetensors').metadata.get('torch');

describe.skipIf(installedTorch() !== version)('golden files', () => {
  it.each([
    ['gru.py', ['gru-1.safetensors', 'gru-2.safetensors']],
    ['transformer.py', ['transformer-1.safetensors', 'transformer-2.safetensors']],
    ['rwkv.py', ['rwkv-1.safetensors', 'rwkv-2.safetensors']],
    ['mamba.py', ['mamba-1.safetensors', 'mamba-2.safetensors']],
    [
      'spiking-ssm.py',
      ['lif', 'refractory', 'alif', 'ilif'].map((neuron) => `spiking-ssm-${neuron}.safetensors`),
    ],
    ['optimiser.py', ['optimiser.safetensors']],
    [
      'state_dict.py',
      ['gru', 'mamba', 'rwkv'].flatMap((kind) => [
        `state-dict-${kind}.safetensors`,
        `state-dict-${kind}-expected.safetensors`,
      ]),
    ],
  ])('%s writes the committed bytes', { timeout: SCRIPT_MS }, (script, fileNames) => {
    const folder = mkdtempSync(join(tmpdir(), 'betz-golden-'));
    try {
      const { status, stderr } = spawnSync(PYTHON, ['-B', `tools/golden/${script}`, folder], {
        encoding: 'utf8',
      });
      expect(status, stderr).toBe(0);
      for (const name of fileNames) {
        expect(readFileSync(join(folder, name)).equals(readFileSync(goldenPath(name))), name).toBe(true);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
