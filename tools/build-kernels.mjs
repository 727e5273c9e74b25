/**
 * Compiles src/kernels/assembly to the two modules in dist/kernels: plain SIMD, and relaxed SIMD.
 * Both import their memory; neither has a runtime, a heap or mutable static data.
 */
import { mkdirSync, statSync } from 'node:fs';
import { main } from 'assemblyscript/asc';

const COMMON = [
  'src/kernels/assembly/index.ts',
  '-O3',
  '--converge',
  '--runtime',
  'stub',
  '--noAssert',
  '--importMemory',
  '--enable',
  'simd',
];
const VARIANTS = { simd: [], relaxed: ['--enable', 'relaxed-simd'] };

mkdirSync('dist/kernels', { recursive: true });
for (const [name, flags] of Object.entries(VARIANTS)) {
  const out = `dist/kernels/betz-${name}.wasm`;
  const { error, stderr } = await main([...COMMON, ...flags, '--outFile', out]);
  if (error) {
    process.stderr.write(`${stderr.toString()}\n${error.message}\n`);
    process.exit(1);
  }
  process.stdout.write(`${out} ${statSync(out).size} bytes\n`);
}
