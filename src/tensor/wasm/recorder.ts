/**
 * Records operations as kernel calls: shapes, addresses, and one closure forward and one backward per operation. The
 * operations themselves are in the files beside this one.
 */
import { assert } from '../../core/errors.ts';
import { GEMM_SCRATCH_COUNT } from '../../kernels/exports/gemm.ts';
import type { Kernels } from '../../kernels/kernels.ts';
import type { CompileOptions, Tensor } from '../engine.ts';

/** A tensor at a fixed address. */
export interface RecordedTensor extends Tensor {
  readonly count: number;
  readonly ptr: number;
  /** Address of the gradient by this tensor; 0 when nothing asks for it. */
  readonly gradientPtr: number;
  /** Set while the backward list is made: whether some operation already writes the gradient. */
  hasGradient: boolean;
}

export interface RecordedOperation {
  forward: () => void;
  /** Makes the backward call, or undefined when no input wants a gradient. */
  bindBackward: (() => () => void) | undefined;
}

/** Scratch that all operations share: it is as large as the largest request. */
class SharedScratch {
  /** Known once recording has ended. */
  ptr = 0;
  private count = 0;

  request(count: number): void {
    this.count = Math.max(this.count, count);
  }

  allocate(kernels: Kernels): void {
    this.ptr = kernels.arena.allocate(this.count);
  }
}

export class Recorder {
  readonly kernels: Kernels;
  readonly options: CompileOptions;
  readonly inputs = new Map<string, RecordedTensor>();
  readonly parameters = new Map<string, RecordedTensor>();
  readonly scratch = new SharedScratch();
  /** For packed matrices. */
  readonly packed = new SharedScratch();
  /** Dropout is the identity unless this is set, and norms use their running statistics. */
  isTraining = false;
  step = 0;
  private readonly recordedTensors = new Map<Tensor, RecordedTensor>();
  private readonly list: RecordedOperation[] = [];
  /** Values of the scalars that can be losses, in float64. */
  private readonly scalars = new Map<RecordedTensor, () => number>();

  constructor(kernels: Kernels, options: CompileOptions) {
    this.kernels = kernels;
    this.options = options;
    this.scratch.request(GEMM_SCRATCH_COUNT);
  }

  /** Ends recording: the calls of a run in order, and the loss that they lead to. */
  finish(losses: readonly Tensor[]): {
    forward: (() => void)[];
    backward: (() => void)[];
    loss: () => number;
  } {
    const values = losses.map((loss) => {
      const value = this.scalars.get(this.recorded(loss));
      assert(value !== undefined, 'a loss is a scalar');
      return value;
    });
    this.scratch.allocate(this.kernels);
    this.packed.allocate(this.kernels);
    const forward = this.list.map((operation) => operation.forward);
    const backward: (() => void)[] = [];
    for (const operation of this.list.toReversed()) {
      if (operation.bindBackward !== undefined) backward.push(operation.bindBackward());
    }
    const loss = (): number => {
      let sum = 0;
      for (const value of values) sum += value();
      return sum;
    };
    return { forward, backward, loss };
  }

  recorded(tensor: Tensor): RecordedTensor {
    const recorded = this.recordedTensors.get(tensor);
    assert(recorded !== undefined, 'the tensor belongs to another program');
    return recorded;
  }

  /** Two tensors of one shape. */
  pair(aTensor: Tensor, bTensor: Tensor): [RecordedTensor, RecordedTensor] {
    const a = this.recorded(aTensor);
    const b = this.recorded(bTensor);
    assert(a.shape.join() === b.shape.join(), `shapes differ: [${a.shape.join()}] and [${b.shape.join()}]`);
    return [a, b];
  }

  /** @param ptr where the tensor lies; default: memory of its own */
  create(shape: readonly number[], wantsGradient: boolean, ptr?: number): RecordedTensor {
    const count = shape.reduce((product, size) => product * size, 1);
    const { arena } = this.kernels;
    const tensor: RecordedTensor = {
      shape,
      count,
      ptr: ptr ?? arena.allocate(count),
      gradientPtr: wantsGradient ? arena.allocate(count) : 0,
      hasGradient: false,
    };
    this.recordedTensors.set(tensor, tensor);
    return tensor;
  }

  /** A scalar that can be a loss: its gradient is 1. @param value of the last run */
  createScalar(value: () => number): RecordedTensor {
    const scalar = this.create([], true);
    this.scalars.set(scalar, value);
    return scalar;
  }

  push(operation: RecordedOperation): void {
    this.list.push(operation);
  }
}

/**
 * While backward calls are bound: 1 when the gradient is already written by a later operation and must be added to, 0 when
 * the caller is the first and writes it.
 */
export function claimGradient(tensor: RecordedTensor): number {
  const isAdding = tensor.hasGradient ? 1 : 0;
  tensor.hasGradient = true;
  return isAdding;
}

/** Floats of a k x n matrix packed in panels of 8 columns. */
export function panelCount(k: number, n: number): number {
  return Math.ceil(n / 8) * 8 * k;
}
