/**
 * Causal depthwise convolution over time, every channel by itself, with zeros before the first step:
 *   y[t] = bias + sum over taps k = 0..K-1 of w[k] x[t - K + 1 + k]
 * Weights come as the field stores them, [channels][K]; inside, a tap's weights of all channels lie together.
 */
import { columnSums, fillRows } from './elementwise';
import { madd } from './vector';

/** y[count] += w[count] x[count] */
// @ts-ignore: decorator
@inline
function addProducts(yPtr: usize, wPtr: usize, xPtr: usize, bytes: usize): void {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    v128.store(yPtr + i, madd(v128.load(wPtr + i), v128.load(xPtr + i), v128.load(yPtr + i)));
  }
  for (; i < bytes; i += 4) {
    store<f32>(yPtr + i, load<f32>(yPtr + i) + load<f32>(wPtr + i) * load<f32>(xPtr + i));
  }
}

/** out[K][channels] = w[channels][K] */
function packTaps(outPtr: usize, wPtr: usize, channelCount: i32, tapCount: i32): void {
  for (let k = 0; k < tapCount; k++) {
    for (let c = 0; c < channelCount; c++) {
      store<f32>(outPtr + (<usize>(k * channelCount + c) << 2), load<f32>(wPtr + (<usize>(c * tapCount + k) << 2)));
    }
  }
}

export function causalConv(
  yPtr: usize,
  xPtr: usize,
  weightPtr: usize,
  biasPtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  tapCount: i32,
  scratchPtr: usize,
): void {
  const rowBytes = <usize>channelCount << 2;
  const stepBytes = rowBytes * <usize>batchCount;
  packTaps(scratchPtr, weightPtr, channelCount, tapCount);
  fillRows(yPtr, biasPtr, timeCount * batchCount, channelCount);
  for (let t = 0; t < timeCount; t++) {
    for (let k = max(0, tapCount - 1 - t); k < tapCount; k++) {
      const y = yPtr + <usize>t * stepBytes;
      const x = xPtr + <usize>(t - tapCount + 1 + k) * stepBytes;
      for (let b: usize = 0; b < stepBytes; b += rowBytes) {
        addProducts(y + b, scratchPtr + <usize>k * rowBytes, x + b, rowBytes);
      }
    }
  }
}

export function causalConvBackward(
  dxPtr: usize,
  dWeightPtr: usize,
  dBiasPtr: usize,
  dyPtr: usize,
  xPtr: usize,
  weightPtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  tapCount: i32,
  scratchPtr: usize,
): void {
  const rowBytes = <usize>channelCount << 2;
  const stepBytes = rowBytes * <usize>batchCount;
  const tapsPtr = scratchPtr; // [K][channels]
  const dTapsPtr = scratchPtr + <usize>tapCount * rowBytes; // [K][channels]
  packTaps(tapsPtr, weightPtr, channelCount, tapCount);
  packTaps(dTapsPtr, dWeightPtr, channelCount, tapCount);
  for (let t = 0; t < timeCount; t++) {
    const dyStep = dyPtr + <usize>t * stepBytes;
    for (let k = max(0, tapCount - 1 - t); k < tapCount; k++) {
      const source = <usize>(t - tapCount + 1 + k) * stepBytes;
      const tap = <usize>k * rowBytes;
      for (let b: usize = 0; b < stepBytes; b += rowBytes) {
        addProducts(dxPtr + source + b, tapsPtr + tap, dyStep + b, rowBytes);
        addProducts(dTapsPtr + tap, dyStep + b, xPtr + source + b, rowBytes);
      }
    }
  }
  // Back to [channels][K]: the transpose of a transpose.
  packTaps(dWeightPtr, dTapsPtr, tapCount, channelCount);
  columnSums(dBiasPtr, dyPtr, timeCount * batchCount, channelCount);
}

export function causalConvStep(
  yPtr: usize,
  historyPtr: usize,
  xPtr: usize,
  tapsPtr: usize,
  biasPtr: usize,
  channelCount: i32,
  tapCount: i32,
): void {
  const rowBytes = <usize>channelCount << 2;
  const last = <usize>(tapCount - 1) * rowBytes;
  memory.copy(yPtr, biasPtr, rowBytes);
  for (let k: usize = 0; k < last; k += rowBytes) addProducts(yPtr, tapsPtr + k, historyPtr + k, rowBytes);
  addProducts(yPtr, tapsPtr + last, xPtr, rowBytes);
  if (last > 0) {
    memory.copy(historyPtr, historyPtr + rowBytes, last - rowBytes);
    memory.copy(historyPtr + last - rowBytes, xPtr, rowBytes);
  }
}
