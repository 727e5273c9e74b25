/**
 * Batch norm (Ioffe and Szegedy 2015, arXiv 1502.03167) over the rows of a matrix:
 *   y = gain (x - mean) rstd + bias,   rstd = 1 / sqrt(variance + epsilon)
 * Backward, with n the normalised x: dx = gain rstd (dy - mean dy - n mean(dy n)).
 */
import { add } from './elementwise';
import { madd } from './vector';

/** stats[2][cols] <- mean, and mean of the squared deviations. */
function columnMoments(statsPtr: usize, xPtr: usize, rows: i32, cols: i32): void {
  const rowBytes = <usize>cols << 2;
  const meanPtr = statsPtr;
  const variancePtr = statsPtr + rowBytes;
  memory.fill(statsPtr, 0, 2 * rowBytes);
  for (let r = 0; r < rows; r++) add(meanPtr, meanPtr, xPtr + <usize>r * rowBytes, cols);
  scaleRow(meanPtr, <f32>1.0 / <f32>rows, cols);
  for (let r = 0; r < rows; r++) {
    const x = xPtr + <usize>r * rowBytes;
    let i: usize = 0;
    for (; i + 16 <= rowBytes; i += 16) {
      const d = f32x4.sub(v128.load(x + i), v128.load(meanPtr + i));
      v128.store(variancePtr + i, madd(d, d, v128.load(variancePtr + i)));
    }
    for (; i < rowBytes; i += 4) {
      const d = load<f32>(x + i) - load<f32>(meanPtr + i);
      store<f32>(variancePtr + i, load<f32>(variancePtr + i) + d * d);
    }
  }
  scaleRow(variancePtr, <f32>1.0 / <f32>rows, cols);
}

function scaleRow(xPtr: usize, scale: f32, cols: i32): void {
  for (let i = 0; i < cols; i++) {
    const at = xPtr + (<usize>i << 2);
    store<f32>(at, load<f32>(at) * scale);
  }
}

export function columnAffine(yPtr: usize, xPtr: usize, scalePtr: usize, offsetPtr: usize, rows: i32, cols: i32): void {
  const rowBytes = <usize>cols << 2;
  for (let r = 0; r < rows; r++) {
    const x = xPtr + <usize>r * rowBytes;
    const y = yPtr + <usize>r * rowBytes;
    let i: usize = 0;
    for (; i + 16 <= rowBytes; i += 16) {
      v128.store(y + i, madd(v128.load(scalePtr + i), v128.load(x + i), v128.load(offsetPtr + i)));
    }
    for (; i < rowBytes; i += 4) {
      store<f32>(y + i, load<f32>(scalePtr + i) * load<f32>(x + i) + load<f32>(offsetPtr + i));
    }
  }
}

export function batchNorm(
  yPtr: usize,
  statsPtr: usize,
  xPtr: usize,
  gainPtr: usize,
  biasPtr: usize,
  rows: i32,
  cols: i32,
  epsilon: f32,
  scratchPtr: usize,
): void {
  const rowBytes = <usize>cols << 2;
  columnMoments(statsPtr, xPtr, rows, cols);
  for (let at: usize = 0; at < rowBytes; at += 4) {
    const rstd = <f32>1.0 / sqrt<f32>(load<f32>(statsPtr + rowBytes + at) + epsilon);
    const scale = load<f32>(gainPtr + at) * rstd;
    store<f32>(scratchPtr + at, scale);
    store<f32>(scratchPtr + rowBytes + at, load<f32>(biasPtr + at) - scale * load<f32>(statsPtr + at));
  }
  columnAffine(yPtr, xPtr, scratchPtr, scratchPtr + rowBytes, rows, cols);
}

export function batchNormBackward(
  dxPtr: usize,
  dgainPtr: usize,
  dbiasPtr: usize,
  dyPtr: usize,
  xPtr: usize,
  statsPtr: usize,
  gainPtr: usize,
  rows: i32,
  cols: i32,
  epsilon: f32,
  accumulate: i32,
  scratchPtr: usize,
): void {
  const rowBytes = <usize>cols << 2;
  const sumPtr = scratchPtr; // sum dy
  const productPtr = scratchPtr + rowBytes; // sum dy (x - mean), then what multiplies x - mean in dx
  memory.fill(scratchPtr, 0, 2 * rowBytes);
  for (let r = 0; r < rows; r++) {
    const x = xPtr + <usize>r * rowBytes;
    const dy = dyPtr + <usize>r * rowBytes;
    let i: usize = 0;
    for (; i + 16 <= rowBytes; i += 16) {
      const slope = v128.load(dy + i);
      const d = f32x4.sub(v128.load(x + i), v128.load(statsPtr + i));
      v128.store(sumPtr + i, f32x4.add(v128.load(sumPtr + i), slope));
      v128.store(productPtr + i, madd(slope, d, v128.load(productPtr + i)));
    }
    for (; i < rowBytes; i += 4) {
      const slope = load<f32>(dy + i);
      store<f32>(sumPtr + i, load<f32>(sumPtr + i) + slope);
      store<f32>(productPtr + i, load<f32>(productPtr + i) + slope * (load<f32>(x + i) - load<f32>(statsPtr + i)));
    }
  }
  // dx = scale dy + factor (x - mean) + offset, one of each per column.
  const scalePtr = productPtr + rowBytes;
  for (let at: usize = 0; at < rowBytes; at += 4) {
    const rstd = <f32>1.0 / sqrt<f32>(load<f32>(statsPtr + rowBytes + at) + epsilon);
    const sum = load<f32>(sumPtr + at);
    const product = load<f32>(productPtr + at);
    const scale = load<f32>(gainPtr + at) * rstd;
    store<f32>(dgainPtr + at, load<f32>(dgainPtr + at) + product * rstd);
    store<f32>(dbiasPtr + at, load<f32>(dbiasPtr + at) + sum);
    store<f32>(scalePtr + at, scale);
    store<f32>(productPtr + at, (-scale * product * rstd * rstd) / <f32>rows);
    store<f32>(sumPtr + at, (-scale * sum) / <f32>rows);
  }
  for (let r = 0; r < rows; r++) {
    const x = xPtr + <usize>r * rowBytes;
    const dy = dyPtr + <usize>r * rowBytes;
    const dx = dxPtr + <usize>r * rowBytes;
    let i: usize = 0;
    for (; i + 16 <= rowBytes; i += 16) {
      const d = f32x4.sub(v128.load(x + i), v128.load(statsPtr + i));
      let value = madd(v128.load(productPtr + i), d, v128.load(sumPtr + i));
      value = madd(v128.load(scalePtr + i), v128.load(dy + i), value);
      v128.store(dx + i, accumulate != 0 ? f32x4.add(v128.load(dx + i), value) : value);
    }
    for (; i < rowBytes; i += 4) {
      const d = load<f32>(x + i) - load<f32>(statsPtr + i);
      const value = load<f32>(scalePtr + i) * load<f32>(dy + i) + load<f32>(productPtr + i) * d + load<f32>(sumPtr + i);
      store<f32>(dx + i, accumulate != 0 ? load<f32>(dx + i) + value : value);
    }
  }
}
