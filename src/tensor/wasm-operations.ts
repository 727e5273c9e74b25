/**
 * Records operations as kernel calls: shapes, addresses, and one closure forward and one backward per operation.
 */
import { assert } from '../core/errors.ts';
import { GEMM_SCRATCH_COUNT } from '../kernels/kernel-exports.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { CompileOptions, Operations, Tensor } from './engine.ts';

/** A tensor at a fixed address. */
export interface RecordedTensor extends Tensor {
  readonly count: number;
  readonly ptr: number;
  /** Address of the gradient by this tensor; 0 when nothing asks for it. */
  readonly gradientPtr: number;
  /** Set while the backward list is made: whether some operation already writes the gradient. */
  hasGradient: boolean;
}

interface Recorded {
  forward: () => void;
  /** Makes the backward call, or undefined when no input wants a gradient. */
  bindBackward: (() => () => void) | undefined;
}

/** Scratch that all operations share: it is as large as the largest request. */
class SharedScratch {
  ptr = 0;
  private count = 0;

  request(count: number): void {
    this.count = Math.max(this.count, count);
  }

  allocate(kernels: Kernels): void {
    this.ptr = kernels.arena.allocate(this.count);
  }
}

export class WasmOperations implements Operations {
  readonly inputs = new Map<string, RecordedTensor>();
  readonly parameters = new Map<string, RecordedTensor>();
  /** Dropout is the identity unless this is set. */
  isTraining = false;
  step = 0;
  lossValue = 0;
  private readonly kernels: Kernels;
  private readonly options: CompileOptions;
  private readonly recordedTensors = new Map<Tensor, RecordedTensor>();
  private readonly list: Recorded[] = [];
  private readonly scratch = new SharedScratch();
  private readonly packed = new SharedScratch();

  constructor(kernels: Kernels, options: CompileOptions) {
    this.kernels = kernels;
    this.options = options;
    this.scratch.request(GEMM_SCRATCH_COUNT);
  }

  /** Ends recording: the calls of a run in order. */
  finish(loss: Tensor): { forward: (() => void)[]; backward: (() => void)[] } {
    assert(this.recorded(loss).count === 1, 'the loss is a scalar');
    this.scratch.allocate(this.kernels);
    this.packed.allocate(this.kernels);
    const forward = this.list.map((operation) => operation.forward);
    const backward: (() => void)[] = [];
    for (const operation of this.list.toReversed()) {
      if (operation.bindBackward !== undefined) backward.push(operation.bindBackward());
    }
    return { forward, backward };
  }

  recorded(tensor: Tensor): RecordedTensor {
    const recorded = this.recordedTensors.get(tensor);
    assert(recorded !== undefined, 'the tensor belongs to another program');
    return recorded;
  }

  input(name: string, shape: readonly number[]): Tensor {
    const tensor = this.create(shape, false);
    this.inputs.set(name, tensor);
    return tensor;
  }

  parameter(name: string, shape: readonly number[]): Tensor {
    const tensor = this.create(shape, true);
    this.parameters.set(name, tensor);
    return tensor;
  }

  linear(xTensor: Tensor, weightTensor: Tensor, biasTensor?: Tensor): Tensor {
    const { exports: k } = this.kernels;
    const x = this.recorded(xTensor);
    const weight = this.recorded(weightTensor);
    const bias = biasTensor === undefined ? undefined : this.recorded(biasTensor);
    const [outCount, inCount] = weight.shape;
    const rows = x.count / inCount;
    assert(
      x.shape.at(-1) === inCount,
      `linear: x ends in ${String(x.shape.at(-1))}, the weight takes ${inCount}`,
    );
    assert(bias === undefined || bias.count === outCount, 'linear: one bias per output');
    const y = this.create([...x.shape.slice(0, -1), outCount], true); // [..., O]
    const { scratch, packed } = this;
    packed.request(panelCount(inCount, outCount));
    packed.request(panelCount(rows, inCount));
    packed.request(panelCount(outCount, inCount));
    const forward = (): void => {
      k.packPanels(packed.ptr, weight.ptr, 1, inCount, inCount, outCount); // W^T [I, O]
      if (bias !== undefined) k.fillRows(y.ptr, bias.ptr, rows, outCount);
      const isAdding = bias === undefined ? 0 : 1;
      k.gemm(y.ptr, outCount, x.ptr, inCount, 1, packed.ptr, rows, outCount, inCount, isAdding, scratch.ptr);
    };
    const bindBackward = (): (() => void) => {
      const addWeight = claimGradient(weight);
      const addBias = bias === undefined ? 0 : claimGradient(bias);
      const addX = claimGradient(x);
      return () => {
        if (weight.gradientPtr !== 0) {
          // dW [O, I] = dy^T [O, rows] x [rows, I]
          k.packPanels(packed.ptr, x.ptr, inCount, 1, rows, inCount);
          k.gemm(
            weight.gradientPtr,
            inCount,
            y.gradientPtr,
            1,
            outCount,
            packed.ptr,
            outCount,
            inCount,
            rows,
            addWeight,
            scratch.ptr,
          );
        }
        if (bias !== undefined && bias.gradientPtr !== 0) {
          if (addBias === 0) k.zero(bias.gradientPtr, outCount);
          k.columnSums(bias.gradientPtr, y.gradientPtr, rows, outCount);
        }
        if (x.gradientPtr !== 0) {
          // dx [rows, I] = dy [rows, O] W [O, I]
          k.packPanels(packed.ptr, weight.ptr, inCount, 1, outCount, inCount);
          k.gemm(
            x.gradientPtr,
            inCount,
            y.gradientPtr,
            outCount,
            1,
            packed.ptr,
            rows,
            inCount,
            outCount,
            addX,
            scratch.ptr,
          );
        }
      };
    };
    this.list.push({ forward, bindBackward });
    return y;
  }

  gruScan(gateInputTensor: Tensor, weightTensor: Tensor, biasTensor: Tensor): Tensor {
    const { exports: k, arena } = this.kernels;
    const gi = this.recorded(gateInputTensor);
    const weight = this.recorded(weightTensor);
    const bias = this.recorded(biasTensor);
    const [timeCount, batchCount, gateCount] = gi.shape;
    const hiddenCount = gateCount / 3;
    assert(
      weight.shape[0] === gateCount && weight.shape[1] === hiddenCount && bias.count === gateCount,
      'gruScan: weight is [3H, H] and bias [3H]',
    );
    const stateCount = batchCount * hiddenCount;
    const rows = timeCount * batchCount;
    // h[0] is the zero state; the result is h[1..T].
    const statesPtr = arena.allocate((timeCount + 1) * stateCount);
    const gatesPtr = arena.allocate(4 * timeCount * stateCount); // r, z, n, W_hn h + b_hn
    const dghPtr = arena.allocate(3 * timeCount * stateCount); // gradient by W_hh h + b_hh
    const h = this.create([timeCount, batchCount, hiddenCount], true, statesPtr + stateCount * 4);
    const { scratch, packed } = this;
    packed.request(panelCount(hiddenCount, gateCount));
    packed.request(panelCount(gateCount, hiddenCount));
    packed.request(panelCount(rows, hiddenCount));
    scratch.request(GEMM_SCRATCH_COUNT + 3 * stateCount);
    const forward = (): void => {
      k.packPanels(packed.ptr, weight.ptr, 1, hiddenCount, hiddenCount, gateCount); // W_hh^T [H, 3H]
      k.gruScanForward(
        statesPtr,
        gatesPtr,
        gi.ptr,
        packed.ptr,
        bias.ptr,
        timeCount,
        batchCount,
        hiddenCount,
        scratch.ptr,
      );
    };
    const bindBackward = (): (() => void) => {
      const addGateInput = claimGradient(gi);
      const addWeight = claimGradient(weight);
      const addBias = claimGradient(bias);
      const dgiPtr =
        addGateInput === 0 && gi.gradientPtr !== 0
          ? gi.gradientPtr
          : arena.allocate(3 * timeCount * stateCount);
      return () => {
        k.packPanels(packed.ptr, weight.ptr, hiddenCount, 1, gateCount, hiddenCount); // W_hh [3H, H]
        k.gruScanBackward(
          dgiPtr,
          dghPtr,
          h.gradientPtr,
          statesPtr,
          gatesPtr,
          packed.ptr,
          timeCount,
          batchCount,
          hiddenCount,
          scratch.ptr,
        );
        if (gi.gradientPtr !== 0 && dgiPtr !== gi.gradientPtr) k.accumulate(gi.gradientPtr, dgiPtr, gi.count);
        // dW_hh [3H, H] = dgh^T [3H, T B] h[0..T-1] [T B, H]
        k.packPanels(packed.ptr, statesPtr, hiddenCount, 1, rows, hiddenCount);
        k.gemm(
          weight.gradientPtr,
          hiddenCount,
          dghPtr,
          1,
          gateCount,
          packed.ptr,
          gateCount,
          hiddenCount,
          rows,
          addWeight,
          scratch.ptr,
        );
        if (addBias === 0) k.zero(bias.gradientPtr, gateCount);
        k.columnSums(bias.gradientPtr, dghPtr, rows, gateCount);
      };
    };
    this.list.push({ forward, bindBackward });
    return h;
  }

  dropout(xTensor: Tensor, rate: number, salt: number): Tensor {
    if (rate === 0) return xTensor;
    const { exports: k } = this.kernels;
    const x = this.recorded(xTensor);
    const [timeCount, batchCount, featureCount] = x.shape;
    const y = this.create(x.shape, x.gradientPtr !== 0);
    const { batch } = this.options;
    const rowLength = batchCount * featureCount;
    const firstIndex = (batch?.start ?? 0) * featureCount;
    const indexStride = (batch?.globalCount ?? batchCount) * featureCount;
    const seed = (this.options.seed + salt) >>> 0;
    const keepBelow = keepThreshold(rate);
    const scale = 1 / (1 - rate);
    const apply = (yPtr: number, xPtr: number, isAdding: number): void => {
      k.dropout(
        yPtr,
        xPtr,
        timeCount,
        rowLength,
        firstIndex,
        indexStride,
        seed,
        this.step,
        keepBelow,
        scale,
        isAdding,
      );
    };
    const forward = (): void => {
      if (this.isTraining) apply(y.ptr, x.ptr, 0);
      else k.fillRows(y.ptr, x.ptr, 1, x.count); // one row: a copy
    };
    const bindBackward = (): (() => void) => {
      const addX = claimGradient(x);
      return () => {
        apply(x.gradientPtr, y.gradientPtr, addX);
      };
    };
    this.list.push({ forward, bindBackward: x.gradientPtr === 0 ? undefined : bindBackward });
    return y;
  }

  sigmoid(x: Tensor): Tensor {
    return this.elementwise(x, 'sigmoid', 'sigmoidBackward');
  }

  tanh(x: Tensor): Tensor {
    return this.elementwise(x, 'tanh', 'tanhBackward');
  }

  add(aTensor: Tensor, bTensor: Tensor): Tensor {
    const { exports: k } = this.kernels;
    const [a, b] = this.pair(aTensor, bTensor);
    const y = this.create(a.shape, true);
    const bindBackward = (): (() => void) => {
      const starts = [a, b].map((tensor) => ({ tensor, isAdding: claimGradient(tensor) }));
      return () => {
        for (const { tensor, isAdding } of starts) {
          if (tensor.gradientPtr === 0) continue;
          if (isAdding === 0) k.zero(tensor.gradientPtr, tensor.count);
          k.accumulate(tensor.gradientPtr, y.gradientPtr, tensor.count);
        }
      };
    };
    this.list.push({
      forward: () => {
        k.add(y.ptr, a.ptr, b.ptr, y.count);
      },
      bindBackward,
    });
    return y;
  }

  multiply(aTensor: Tensor, bTensor: Tensor): Tensor {
    const { exports: k } = this.kernels;
    const [a, b] = this.pair(aTensor, bTensor);
    const y = this.create(a.shape, true);
    const bindBackward = (): (() => void) => {
      const starts = [
        { tensor: a, factor: b, isAdding: claimGradient(a) },
        { tensor: b, factor: a, isAdding: claimGradient(b) },
      ];
      return () => {
        for (const { tensor, factor, isAdding } of starts) {
          if (tensor.gradientPtr === 0) continue;
          if (isAdding === 0) k.zero(tensor.gradientPtr, tensor.count);
          k.multiplyAdd(tensor.gradientPtr, y.gradientPtr, factor.ptr, tensor.count);
        }
      };
    };
    this.list.push({
      forward: () => {
        k.multiply(y.ptr, a.ptr, b.ptr, y.count);
      },
      bindBackward,
    });
    return y;
  }

  squaredError(predictionTensor: Tensor, targetTensor: Tensor, weightTensor: Tensor): Tensor {
    const { exports: k, arena } = this.kernels;
    const prediction = this.recorded(predictionTensor);
    const target = this.recorded(targetTensor);
    const weight = this.recorded(weightTensor);
    const [timeCount, batchCount, outCount] = prediction.shape;
    assert(target.count === prediction.count, 'squaredError: prediction and target have one shape');
    assert(weight.count === timeCount, 'squaredError: one weight per time step');
    const loss = this.create([], true);
    const weights = arena.float32(weight.ptr, timeCount);
    const globalBatch = this.options.batch?.globalCount ?? batchCount;
    const dpPtr = arena.allocate(prediction.count);
    const forward = (): void => {
      let weightSum = 0;
      for (let t = 0; t < timeCount; t++) weightSum += weights[t];
      const scale = 1 / (globalBatch * outCount * weightSum);
      this.lossValue = k.squaredError(
        dpPtr,
        prediction.ptr,
        target.ptr,
        weight.ptr,
        timeCount,
        batchCount * outCount,
        scale,
      );
    };
    const bindBackward = (): (() => void) => {
      const isAdding = claimGradient(prediction);
      return () => {
        if (isAdding === 0) k.zero(prediction.gradientPtr, prediction.count);
        k.accumulate(prediction.gradientPtr, dpPtr, prediction.count);
      };
    };
    this.list.push({ forward, bindBackward: prediction.gradientPtr === 0 ? undefined : bindBackward });
    return loss;
  }

  private elementwise(
    xTensor: Tensor,
    forwardKernel: 'sigmoid' | 'tanh',
    backwardKernel: 'sigmoidBackward' | 'tanhBackward',
  ): Tensor {
    const { exports: k } = this.kernels;
    const x = this.recorded(xTensor);
    const y = this.create(x.shape, true);
    const bindBackward = (): (() => void) => {
      const isAdding = claimGradient(x);
      return () => {
        if (isAdding === 0) k.zero(x.gradientPtr, x.count);
        k[backwardKernel](x.gradientPtr, y.gradientPtr, y.ptr, x.count);
      };
    };
    this.list.push({
      forward: () => {
        k[forwardKernel](y.ptr, x.ptr, x.count);
      },
      bindBackward: x.gradientPtr === 0 ? undefined : bindBackward,
    });
    return y;
  }

  private pair(aTensor: Tensor, bTensor: Tensor): [RecordedTensor, RecordedTensor] {
    const a = this.recorded(aTensor);
    const b = this.recorded(bTensor);
    assert(a.shape.join() === b.shape.join(), `shapes differ: [${a.shape.join()}] and [${b.shape.join()}]`);
    return [a, b];
  }

  private create(shape: readonly number[], wantsGradient: boolean, ptr?: number): RecordedTensor {
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
}

/** 1 when the gradient is already written by a later operation and must be added to; claims it. */
function claimGradient(tensor: RecordedTensor): number {
  const isAdding = tensor.hasGradient ? 1 : 0;
  tensor.hasGradient = true;
  return isAdding;
}

/** Floats of a k x n matrix packed in panels of 8 columns. */
function panelCount(k: number, n: number): number {
  return Math.ceil(n / 8) * 8 * k;
}

/** Elements whose 32-bit hash is below this are kept. */
function keepThreshold(rate: number): number {
  return Math.min(0xffffffff, Math.round((1 - rate) * 4294967296));
}
