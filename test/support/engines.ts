/** Engines under test, by the names of a test report. */
import { loadKernels } from '../../src/host/load-kernels.ts';
import { referenceKernels } from '../../src/kernels/reference/reference-kernels.ts';
import type { Engine } from '../../src/tensor/engine.ts';
import { createTfjsEngine } from '../../src/tensor/tfjs/tfjs-engine.ts';
import { createWasmEngine } from '../../src/tensor/wasm/wasm-engine.ts';
import { VARIANTS } from './kernel-twins.ts';
import { testTensorflow } from './tensorflow.ts';

const MEMORY_BYTES = 64 << 20;

export interface EngineUnderTest {
  readonly name: string;
  readonly create: () => Promise<Engine>;
}

/** The wasm engine on each build of the kernels and on their plain-loop twins. */
export const WASM_ENGINES: readonly EngineUnderTest[] = [...VARIANTS, 'reference' as const].map(
  (variant) => ({
    name: `wasm-${variant}`,
    create: () =>
      Promise.resolve(
        createWasmEngine(
          variant === 'reference'
            ? referenceKernels(MEMORY_BYTES)
            : loadKernels({ variant, memoryBytes: MEMORY_BYTES }),
        ),
      ),
  }),
);

export const TFJS_ENGINE: EngineUnderTest = {
  name: 'tfjs-cpu',
  create: async () => createTfjsEngine(await testTensorflow()),
};

export const ENGINES: readonly EngineUnderTest[] = [...WASM_ENGINES, TFJS_ENGINE];
