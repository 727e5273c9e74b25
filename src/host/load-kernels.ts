/** Reads the kernel modules from disk and instantiates the best one that this Node can run. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { BetzError } from '../core/errors.ts';
import { compileKernels, instantiateKernels, probeVariant } from '../kernels/kernels.ts';
import type { CompiledKernels, KernelVariant } from '../kernels/kernels.ts';
import { compiledPath } from './compiled.ts';

const modules = new Map<KernelVariant, WebAssembly.Module>();

/** The fastest variant this Node runs; turns relaxed SIMD on where Node 20 hides it behind a flag. */
export function availableVariant(): KernelVariant {
  if (probeVariant() === 'relaxed') return 'relaxed';
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  return probeVariant();
}

/** @param variant default: BETZ_KERNELS from the environment if set, else the fastest available */
export function loadKernels(
  options: { variant?: KernelVariant; memoryBytes?: number } = {},
): CompiledKernels {
  const variant = options.variant ?? variantFromEnvironment() ?? availableVariant();
  if (variant === 'relaxed') availableVariant(); // sets the flag in this thread before the module is compiled
  let module = modules.get(variant);
  if (module === undefined) {
    module = compileKernels(readModule(compiledPath(`kernels/betz-${variant}.wasm`)));
    modules.set(variant, module);
  }
  return instantiateKernels(module, variant, options.memoryBytes);
}

function variantFromEnvironment(): KernelVariant | undefined {
  const value = process.env['BETZ_KERNELS'];
  if (value === undefined || value === '') return undefined;
  if (value === 'simd' || value === 'relaxed') return value;
  throw new BetzError('CFG_KERNEL_VARIANT_UNKNOWN', `no kernel variant is called '${value}'`, {
    value,
    tip: "Set BETZ_KERNELS to 'simd' or 'relaxed', or unset it.",
  });
}

function readModule(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new BetzError('CFG_KERNELS_MISSING', 'the compiled kernels are not there', {
      value: path,
      tip: 'Run `npm run build` in the project folder.',
      cause,
    });
  }
}
