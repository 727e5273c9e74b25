/**
 * The kernels in plain loops over the same memory: what they mean, for readers and for tests. Sums run in float64 and
 * are rounded once; only what is stored is float32. Scratch arguments are not touched, except that callers may rely on
 * nothing in them.
 *
 * NaN and infinity behave as `KernelExports` says. The compiled twins differ from these only by rounding.
 */
import { Arena } from '../arena.ts';
import type { KernelExports } from '../kernel-exports.ts';
import { DECODER_MEMORY_BYTES } from '../kernels.ts';
import type { Kernels } from '../kernels.ts';
import { activationsReference } from './activations.ts';
import { attentionReference } from './attention.ts';
import { causalConvReference } from './causal-conv.ts';
import { alifReference } from './alif.ts';
import { batchNormReference } from './batch-norm.ts';
import { columnsReference } from './columns.ts';
import { elementwiseReference } from './elementwise.ts';
import { gemmReference } from './gemm.ts';
import { gluReference } from './glu.ts';
import { gruReference } from './gru.ts';
import { matvecInt8Reference } from './matvec-int8.ts';
import { matvecReference } from './matvec.ts';
import { normsReference } from './norms.ts';
import { pagesReference } from './pages.ts';
import { shiftMixReference } from './shift-mix.ts';
import { selectiveScanReference } from './selective-scan.ts';
import { ilifReference } from './ilif.ts';
import { lifReference } from './lif.ts';
import { refractoryReference } from './refractory.ts';
import { s4dReference } from './s4d.ts';
import { spikeEventsReference } from './spike-events.ts';
import { trainingReference } from './training.ts';
import { unitActivationsReference } from './unit-activations.ts';
import { wkvReference } from './wkv.ts';

/** As with a compiled module, nothing lies at address 0: callers may use it for "none". */
const RESERVED_BYTES = 64;

/** The kernels over the memory of `arena`. */
function createReferenceKernels(arena: Arena): KernelExports {
  const memory = new Float32Array(arena.memory.buffer);
  return {
    ...matvecReference(memory),
    ...matvecInt8Reference(memory),
    ...activationsReference(memory),
    ...unitActivationsReference(memory),
    ...elementwiseReference(memory),
    ...causalConvReference(memory),
    ...columnsReference(memory),
    ...gemmReference(memory),
    ...normsReference(memory),
    ...pagesReference(memory),
    ...attentionReference(memory),
    ...gruReference(memory),
    ...shiftMixReference(memory),
    ...wkvReference(memory),
    ...selectiveScanReference(memory),
    ...trainingReference(memory),
    ...alifReference(memory),
    ...batchNormReference(memory),
    ...gluReference(memory),
    ...ilifReference(memory),
    ...lifReference(memory),
    ...refractoryReference(memory),
    ...s4dReference(memory),
    ...spikeEventsReference(memory),
  };
}

/** Drop-in for a loaded kernel module, with a memory of its own; a few hundred times slower. */
export function referenceKernels(memoryBytes: number = DECODER_MEMORY_BYTES): Kernels {
  const arena = new Arena(memoryBytes, RESERVED_BYTES);
  return { variant: 'reference', exports: createReferenceKernels(arena), arena };
}
