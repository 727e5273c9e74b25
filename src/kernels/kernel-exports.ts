/**
 * The kernels' calling convention: what `assembly/` exports, and what `reference/` writes out in plain loops. `exports/` has
 * one file for each file of those.
 *
 * Every `...Ptr` is a byte offset into the linear memory, a multiple of 4 (multiples of 64, as the arena gives, are
 * fastest); every count is in elements and may be 0; arguments go outputs, inputs, sizes, scratch. Outputs do not
 * overlap inputs unless said otherwise. Kernels keep no state of their own: scratch is an argument, so instances never
 * share anything hidden. Its contents do not matter.
 *
 * NaN and infinity: they propagate as in plain IEEE arithmetic (zero times infinity is NaN, also for the zero rows that
 * pad a packed matrix and for time steps of zero weight), except where a kernel leaves an element out:
 * `matvecSparse` (a zero input contributes nothing, whatever its weights), `matvecSpikes` (neither does a neuron that is
 * silent) and `dropout` (a dropped element is 0, whatever it was). With int8 weights an input that is not finite makes every
 * output NaN.
 */
import type { ActivationKernels } from './exports/activations.ts';
import type { AlifKernels } from './exports/alif.ts';
import type { AttentionKernels } from './exports/attention.ts';
import type { BatchNormKernels } from './exports/batch-norm.ts';
import type { CausalConvKernels } from './exports/causal-conv.ts';
import type { ColumnKernels } from './exports/columns.ts';
import type { ElementwiseKernels } from './exports/elementwise.ts';
import type { GemmKernels } from './exports/gemm.ts';
import type { GluKernels } from './exports/glu.ts';
import type { GruKernels } from './exports/gru.ts';
import type { IlifKernels } from './exports/ilif.ts';
import type { LifKernels } from './exports/lif.ts';
import type { MatvecInt8Kernels } from './exports/matvec-int8.ts';
import type { MatvecKernels } from './exports/matvec.ts';
import type { NormKernels } from './exports/norms.ts';
import type { PageKernels } from './exports/pages.ts';
import type { RefractoryKernels } from './exports/refractory.ts';
import type { S4dKernels } from './exports/s4d.ts';
import type { SelectiveScanKernels } from './exports/selective-scan.ts';
import type { ShiftMixKernels } from './exports/shift-mix.ts';
import type { SpikeEventKernels } from './exports/spike-events.ts';
import type { TrainingKernels } from './exports/training.ts';
import type { UnitActivationKernels } from './exports/unit-activations.ts';
import type { WkvKernels } from './exports/wkv.ts';

/** Every kernel, one line per family. */
export interface KernelExports
  extends
    ActivationKernels,
    AlifKernels,
    AttentionKernels,
    BatchNormKernels,
    CausalConvKernels,
    ColumnKernels,
    ElementwiseKernels,
    GemmKernels,
    GluKernels,
    GruKernels,
    IlifKernels,
    LifKernels,
    MatvecInt8Kernels,
    MatvecKernels,
    NormKernels,
    PageKernels,
    RefractoryKernels,
    S4dKernels,
    SelectiveScanKernels,
    ShiftMixKernels,
    SpikeEventKernels,
    TrainingKernels,
    UnitActivationKernels,
    WkvKernels {}
