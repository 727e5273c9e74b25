/** Banded causal multi-head attention with rotary positions. */
import { assert } from '../../core/errors.ts';
import { attentionProbabilityCount, attentionScratchCount } from '../../kernels/exports/attention.ts';
import type { Tensor } from '../engine.ts';
import { rotaryTable } from '../rotary.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordBandedAttention(
  recorder: Recorder,
  qkvTensor: Tensor,
  headCount: number,
  windowBins: number,
): Tensor {
  const { exports: k, arena } = recorder.kernels;
  const qkv = recorder.recorded(qkvTensor);
  const [timeCount, batchCount, qkvWidth] = qkv.shape;
  const headWidth = qkvWidth / 3 / headCount;
  assert(headWidth % 2 === 0, 'bandedAttention: x is [T, B, 3E], and heads of an even width divide E');
  assert(windowBins >= 1, 'bandedAttention: a window holds one bin at least');
  const out = recorder.create([timeCount, batchCount, headCount * headWidth], true);
  const rotaryPtr = arena.allocate(timeCount * 2 * headWidth);
  arena.float32(rotaryPtr, timeCount * 2 * headWidth).set(rotaryTable(timeCount, headWidth));
  const probabilitiesPtr = arena.allocate(
    attentionProbabilityCount(timeCount, batchCount, headCount, windowBins),
  );
  const { scratch } = recorder;
  scratch.request(attentionScratchCount(timeCount, headWidth, windowBins));
  const forward = (): void => {
    k.bandedAttention(
      out.ptr,
      probabilitiesPtr,
      qkv.ptr,
      rotaryPtr,
      timeCount,
      batchCount,
      headCount,
      headWidth,
      windowBins,
      scratch.ptr,
    );
  };
  const bindBackward = (): (() => void) => {
    const isAdding = claimGradient(qkv);
    const dqkvPtr = isAdding === 0 ? qkv.gradientPtr : arena.allocate(qkv.count);
    return () => {
      k.bandedAttentionBackward(
        dqkvPtr,
        out.gradientPtr,
        probabilitiesPtr,
        qkv.ptr,
        rotaryPtr,
        timeCount,
        batchCount,
        headCount,
        headWidth,
        windowBins,
        scratch.ptr,
      );
      if (isAdding !== 0) k.accumulate(qkv.gradientPtr, dqkvPtr, qkv.count);
    };
  };
  recorder.push({ forward, bindBackward: qkv.gradientPtr === 0 ? undefined : bindBackward });
  return out;
}
