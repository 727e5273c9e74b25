/**
 * Loads the kernel module: one instance with a memory of its own. Two builds of the same source exist: `simd`, and
 * `relaxed` (fused multiply-add; results differ in the last bits). `probeVariant` says which this host can run.
 */
import { Arena } from './arena.ts';
import type { KernelExports } from './kernel-exports.ts';

export type KernelVariant = 'simd' | 'relaxed';

/** @param x what goes into the map this time, borrowed */
export type MapInputListener = (mapName: string, x: Float32Array) => void;

export interface Kernels {
  /** `reference`: the plain loops of reference/. */
  readonly variant: KernelVariant | 'reference';
  readonly exports: KernelExports;
  readonly arena: Arena;
  /** Told of the input of every map of the decoders made on these kernels. For accounting; absent in service. */
  readonly onMapInput?: MapInputListener;
}

export interface CompiledKernels extends Kernels {
  readonly variant: KernelVariant;
}

/** Untouched pages cost nothing; a streaming decoder of any size that makes sense fits. */
export const DECODER_MEMORY_BYTES = 256 * 1024 * 1024;
export const TRAINING_MEMORY_BYTES = 2 * 1024 * 1024 * 1024 - 65536;

const STATIC_DATA_BYTES = 4096;

/** Compiles `bytes`, the build of `variant`. @throws when the host cannot run it (probe first) */
export function compileKernels(bytes: Uint8Array): WebAssembly.Module {
  return new WebAssembly.Module(bytes);
}

export function instantiateKernels(
  module: WebAssembly.Module,
  variant: KernelVariant,
  memoryBytes: number = DECODER_MEMORY_BYTES,
): CompiledKernels {
  const arena = new Arena(memoryBytes, STATIC_DATA_BYTES);
  const instance = new WebAssembly.Instance(module, { env: { memory: arena.memory } });
  return { variant, exports: instance.exports as unknown as KernelExports, arena };
}

/**
 * (module (func (result v128)
 *   i32.const 0  i8x16.splat  i32.const 0  i8x16.splat  i32.const 0  i8x16.splat  f32x4.relaxed_madd)):
 * validates only where relaxed SIMD is on.
 */
const RELAXED_PROBE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // magic, version 1
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b], // type 0: () -> v128
  ...[0x03, 0x02, 0x01, 0x00], // function 0 has type 0
  ...[0x0a, 0x13, 0x01, 0x11, 0x00], // code: one body of 17 bytes without locals
  ...[0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f],
  ...[0xfd, 0x85, 0x02, 0x0b], // f32x4.relaxed_madd, end
);

/** Which build this host runs. Node 20 has relaxed SIMD behind a flag that the host sets before it asks. */
export function probeVariant(): KernelVariant {
  return WebAssembly.validate(RELAXED_PROBE) ? 'relaxed' : 'simd';
}
