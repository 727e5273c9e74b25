/** Matrix-vector product with int8 weights, in plain loops: twin of assembly/matvec-int8.ts. */
import type { MatvecInt8Kernels } from '../exports/matvec-int8.ts';

/** Rows that lie together, a pair of columns after the other, in a packed matrix. */
const ROWS = 24;
const TINY = Math.fround(1e-30);
const INT16_MAX = 32767;
const WEIGHT_MAX = 127;
const INT32_MAX = 2 ** 31 - 1;

/** @param memory all of the kernel memory */
export function matvecInt8Reference(memory: Float32Array): MatvecInt8Kernels {
  const bytes = new Int8Array(memory.buffer);

  function matvec(
    yPtr: number,
    packedPtr: number,
    rowScalesPtr: number,
    xPtr: number,
    biasPtr: number,
    rows: number,
    cols: number,
  ): void {
    const [y, rowScales, x, bias] = [yPtr / 4, rowScalesPtr / 4, xPtr / 4, biasPtr / 4];
    const { q, s } = quantise(memory.subarray(x, x + cols));
    const paddedRows = Math.ceil(rows / ROWS) * ROWS;
    for (let row = 0; row < paddedRows; row++) {
      let sum = 0;
      for (let col = 0; col < cols; col++) sum += bytes[packedPtr + packedIndex(row, col, cols)] * q[col];
      memory[y + row] = memory[bias + row] + memory[rowScales + row] * s * sum;
    }
  }

  return {
    packInt8(packedPtr, wPtr, rows, cols) {
      const paddedRows = Math.ceil(rows / ROWS) * ROWS;
      for (let row = 0; row < paddedRows; row++) {
        for (let col = 0; col < evenUp(cols); col++) {
          bytes[packedPtr + packedIndex(row, col, cols)] =
            row < rows && col < cols ? bytes[wPtr + row * cols + col] : 0;
        }
      }
    },
    matvecInt8: matvec,
    matvecInt8Sparse: matvec, // a column whose q is zero adds nothing
  };
}

/** x on a grid of step s. Rounded to float32 where the compiled twin is: which integer comes out depends on it. */
function quantise(x: Float32Array): { q: Int32Array; s: number } {
  let top = 0;
  for (const value of x) top = Math.max(top, Math.abs(value)); // NaN stays
  if (!Number.isFinite(top)) return { q: new Int32Array(x.length), s: Number.NaN };
  const limit = Math.min(INT16_MAX, Math.floor(INT32_MAX / (WEIGHT_MAX * Math.max(1, x.length))));
  const inverse = top < TINY ? 0 : Math.fround(limit / top);
  return {
    q: Int32Array.from(x, (value) => nearestEven(Math.fround(value * inverse))),
    s: Math.fround(top / limit),
  };
}

function nearestEven(value: number): number {
  const below = Math.floor(value);
  const isUp = value - below > 0.5 || (value - below === 0.5 && below % 2 !== 0);
  return isUp ? below + 1 : below;
}

function evenUp(count: number): number {
  return count + (count % 2);
}

/** Place of W[row][col] in packed[ceil(rows/24)][ceil(cols/2)][24][2]. */
function packedIndex(row: number, col: number, cols: number): number {
  const pair = (Math.floor(row / ROWS) * evenUp(cols)) / 2 + Math.floor(col / 2);
  return (pair * ROWS + (row % ROWS)) * 2 + (col % 2);
}
