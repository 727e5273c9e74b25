/** Loading the two builds: which one runs here, and what happens when it is not there or does not fit. */
import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { gru } from '../../src/decoders/gru/index.ts';
import { compiledUrl } from '../../src/host/compiled.ts';
import { availableVariant, loadKernels } from '../../src/host/load-kernels.ts';
import { DECODER_MEMORY_BYTES, probeVariant } from '../../src/kernels/kernels.ts';
import { referenceKernels } from '../../src/kernels/reference/reference-kernels.ts';
import { randomModel } from '../support/decoder-models.ts';
import { VARIANTS } from '../support/kernel-twins.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** What a fresh Node prints. @param code has `loadKernels` and `availableVariant` */
function inFreshNode(code: string, env: Readonly<Record<string, string>> = {}): string {
  const script = `
    import { availableVariant, loadKernels } from ${JSON.stringify(compiledUrl('host/load-kernels.js').href)};
    import { probeVariant } from ${JSON.stringify(compiledUrl('kernels/kernels.js').href)};
    ${code}`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  return (stdout + stderr).trim();
}

describe('kernels', () => {
  it.each(VARIANTS)('load as %s, with every kernel that their plain-loop twins have', (variant) => {
    const kernels = loadKernels({ variant, memoryBytes: 1 << 20 });
    expect(kernels.variant).toBe(variant);
    const names = Object.entries(kernels.exports).flatMap(([name, value]) =>
      typeof value === 'function' ? name : [],
    );
    expect(names).toEqual(expect.arrayContaining(Object.keys(referenceKernels(1 << 20).exports)));
  });

  it('have a memory of their own for every instance, of the size asked for', () => {
    const [first, second] = [loadKernels({ memoryBytes: 1 << 20 }), loadKernels({ memoryBytes: 1 << 20 })];
    expect(first.arena.memory.buffer.byteLength).toBe(1 << 20);
    expect(first.arena.memory).not.toBe(second.arena.memory);
    const ptr = first.arena.allocate(4);
    expect(second.arena.allocate(4)).toBe(ptr); // the same place in another memory
    first.arena.float32(ptr, 4).fill(1);
    first.exports.add(ptr, ptr, ptr, 4);
    expect([...first.arena.float32(ptr, 4)]).toEqual([2, 2, 2, 2]);
    expect([...second.arena.float32(ptr, 4)]).toEqual([0, 0, 0, 0]);
    expect(loadKernels().arena.memory.buffer.byteLength).toBe(DECODER_MEMORY_BYTES);
  });

  it('come in the fastest build that this host runs, once the flag for it is set', () => {
    const best = availableVariant();
    expect(probeVariant()).toBe(best);
    expect(inFreshNode('console.log(availableVariant(), loadKernels().variant)')).toBe(`${best} ${best}`);
  });

  it('come in the build that the environment names', () => {
    vi.stubEnv('BETZ_KERNELS', 'simd');
    expect(loadKernels({ memoryBytes: 1 << 20 }).variant).toBe('simd');
    vi.stubEnv('BETZ_KERNELS', '');
    expect(loadKernels({ memoryBytes: 1 << 20 }).variant).toBe(availableVariant());
    vi.stubEnv('BETZ_KERNELS', 'avx');
    const error = betzErrorOf(() => loadKernels());
    expect(error).toMatchObject({ code: 'CFG_KERNEL_VARIANT_UNKNOWN', value: 'avx' });
    // What a caller asks for comes before the environment.
    expect(loadKernels({ variant: 'simd', memoryBytes: 1 << 20 }).variant).toBe('simd');
  });

  it('of the plain build need nothing that a host could lack', () => {
    const env = { BETZ_KERNELS: 'simd' };
    expect(inFreshNode('console.log(loadKernels().variant, probeVariant())', env)).toMatch(
      /^simd (simd|relaxed)$/,
    );
  });

  it('are asked for by name when they have not been built', () => {
    const code = `
      import { BetzError } from ${JSON.stringify(compiledUrl('core/errors.js').href)};
      try { loadKernels({ variant: 'absent' }); } catch (error) { console.log(JSON.stringify(error)); }`;
    const error = JSON.parse(inFreshNode(code)) as { code: string; value: string };
    expect(error.code).toBe('CFG_KERNELS_MISSING');
    expect(error.value).toMatch(/betz-absent\.wasm$/);
  });

  it('say so when a decoder does not fit their memory', () => {
    const model = randomModel(gru, { inputCount: 50, outputCount: 2 }, { hiddenCount: 100 }, 1);
    const create = (memoryBytes: number) => gru.createDecoder(model, loadKernels({ memoryBytes }));
    expect(betzErrorOf(() => create(65536)).code).toBe('CFG_MEMORY_EXHAUSTED');
    expect(create(1 << 20).inputCount).toBe(50);
  });
});
