/** Runs the same calls on compiled kernels and on their plain-loop twins, in guarded memory. */
import { Rng } from '../../src/core/rng.ts';
import { availableVariant, loadKernels } from '../../src/host/load-kernels.ts';
import type { KernelExports } from '../../src/kernels/kernel-exports.ts';
import type { KernelVariant, Kernels } from '../../src/kernels/kernels.ts';
import { referenceKernels } from '../../src/kernels/reference/reference-kernels.ts';
import { KernelMemory } from './kernel-memory.ts';

const MEMORY_BYTES = 32 << 20;

/** The builds that this host runs. */
export const VARIANTS: readonly KernelVariant[] =
  availableVariant() === 'relaxed' ? ['simd', 'relaxed'] : ['simd'];

export interface Bench {
  readonly exports: KernelExports;
  readonly memory: KernelMemory;
}

const benches = new Map<string, Bench>();

/** Kernels and a memory under test; one per variant, shared by the tests of a file. */
export function benchOf(variant: KernelVariant | 'reference'): Bench {
  let bench = benches.get(variant);
  if (bench === undefined) {
    const kernels: Kernels =
      variant === 'reference'
        ? referenceKernels(MEMORY_BYTES)
        : loadKernels({ variant, memoryBytes: MEMORY_BYTES });
    bench = { exports: kernels.exports, memory: new KernelMemory(kernels.arena) };
    benches.set(variant, bench);
  }
  return bench;
}

/** Named results of a kernel call. */
type Results = Record<string, ArrayLike<number>>;

/**
 * Calls `body` on both twins with equal random numbers and buffer places, checks the guard bands, and returns copies
 * of what it returned. An even seed aligns all buffers to 16 bytes; an odd one shifts each by 0 to 3 floats.
 */
export function runTwins(
  variant: KernelVariant,
  seed: number,
  body: (kernels: KernelExports, memory: KernelMemory, rng: Rng) => Results,
): { actual: Record<string, number[]>; expected: Record<string, number[]> } {
  const results = [variant, 'reference' as const].map((side) => {
    const { exports, memory } = benchOf(side);
    memory.reset(seed % 2 === 0 ? undefined : new Rng(seed));
    const returned = body(exports, memory, new Rng(seed + 1));
    memory.verify();
    return Object.fromEntries(Object.entries(returned).map(([name, values]) => [name, Array.from(values)]));
  });
  return { actual: results[0], expected: results[1] };
}

/** Uniform in [-1, 1]. */
export function drawUniform(rng: Rng, count: number): Float32Array {
  return Float32Array.from({ length: count }, () => rng.uniform(-1, 1));
}

/**
 * Small integers: their products and sums below 2^24 are exact in float32, so that twins agree to the last bit in
 * whatever order they add, fused or not.
 */
export function drawIntegers(rng: Rng, count: number): Float32Array {
  return Float32Array.from({ length: count }, () => rng.integer(17) - 8);
}
