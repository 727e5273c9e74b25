/** What training pays for spike rates that are off their target. */
import type { Tensor } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordSpikeRatePenalty(
  recorder: Recorder,
  sTensor: Tensor,
  targetRate: number,
  weight: number,
): Tensor {
  const { exports: k, arena } = recorder.kernels;
  const s = recorder.recorded(sTensor);
  const [timeCount, batchCount, channelCount] = s.shape;
  const globalBatch = recorder.options.batch?.globalCount ?? batchCount;
  let value = 0;
  const penalty = recorder.createScalar(() => value);
  const ratesPtr = arena.allocate(batchCount);
  const slopesPtr = arena.allocate(batchCount);
  const rates = arena.float32(ratesPtr, batchCount);
  const slopes = arena.float32(slopesPtr, batchCount);
  const forward = (): void => {
    k.spikeRates(ratesPtr, s.ptr, timeCount, batchCount, channelCount);
    value = 0;
    for (let b = 0; b < batchCount; b++) {
      const excess = rates[b] - targetRate;
      value += (weight * excess * excess) / globalBatch;
      slopes[b] = (2 * weight * excess) / (globalBatch * timeCount * channelCount);
    }
  };
  const bindBackward = (): (() => void) => {
    const isAdding = claimGradient(s);
    return () => {
      if (isAdding === 0) k.zero(s.gradientPtr, s.count);
      k.addToRows(s.gradientPtr, slopesPtr, timeCount, batchCount, channelCount);
    };
  };
  recorder.push({ forward, bindBackward: s.gradientPtr === 0 ? undefined : bindBackward });
  return penalty;
}
