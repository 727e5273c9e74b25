/** Mamba's selective state space over time. */
import { assert } from '../../core/errors.ts';
import {
  CHANNEL_GROUP,
  selectiveScanBackwardScratchCount,
  selectiveScanScratchCount,
} from '../../kernels/exports/selective-scan.ts';
import type { Tensor } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export interface SelectiveScanArguments {
  x: Tensor;
  dt: Tensor;
  aLog: Tensor;
  b: Tensor;
  c: Tensor;
  skip: Tensor;
}

export function recordSelectiveScan(recorder: Recorder, tensors: SelectiveScanArguments): Tensor {
  const { exports: k, arena } = recorder.kernels;
  const [x, dt] = recorder.pair(tensors.x, tensors.dt);
  const [b, c] = recorder.pair(tensors.b, tensors.c);
  const aLog = recorder.recorded(tensors.aLog);
  const skip = recorder.recorded(tensors.skip);
  const [timeCount, batchCount, channelCount] = x.shape;
  const stateCount = b.shape[2];
  assert(
    b.shape.join() === `${timeCount},${batchCount},${stateCount}` &&
      aLog.shape.join() === `${channelCount},${stateCount}` &&
      skip.count === channelCount,
    'selectiveScan: b and c are [T, B, N], aLog is [F, N] and skip [F]',
  );
  const y = recorder.create(x.shape, true);
  const decayPtr = arena.allocate(Math.ceil(channelCount / CHANNEL_GROUP) * CHANNEL_GROUP * stateCount);
  const { scratch } = recorder;
  scratch.request(selectiveScanScratchCount(timeCount, stateCount));
  scratch.request(selectiveScanBackwardScratchCount(timeCount, stateCount));
  const inputs = [x, dt, aLog, b, c, skip];
  // What is data has a gradient that goes nowhere.
  const gradientPtrs = inputs.map(({ gradientPtr, count }) =>
    gradientPtr === 0 ? arena.allocate(count) : gradientPtr,
  );
  const [dxPtr, ddtPtr, daLogPtr, dbPtr, dcPtr, dSkipPtr] = gradientPtrs;
  const forward = (): void => {
    k.packDecays(decayPtr, aLog.ptr, channelCount, stateCount);
    k.selectiveScan(
      y.ptr,
      x.ptr,
      dt.ptr,
      decayPtr,
      b.ptr,
      c.ptr,
      skip.ptr,
      timeCount,
      batchCount,
      channelCount,
      stateCount,
      scratch.ptr,
    );
  };
  const bindBackward = (): (() => void) => {
    const fresh = inputs.filter((tensor) => claimGradient(tensor) === 0 && tensor.gradientPtr !== 0);
    return () => {
      for (const { gradientPtr, count } of fresh) k.zero(gradientPtr, count);
      k.selectiveScanBackward(
        dxPtr,
        ddtPtr,
        daLogPtr,
        dbPtr,
        dcPtr,
        dSkipPtr,
        y.gradientPtr,
        x.ptr,
        dt.ptr,
        decayPtr,
        b.ptr,
        c.ptr,
        skip.ptr,
        timeCount,
        batchCount,
        channelCount,
        stateCount,
        scratch.ptr,
      );
    };
  };
  recorder.push({ forward, bindBackward });
  return y;
}
