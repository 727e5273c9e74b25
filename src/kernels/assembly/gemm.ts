/**
 * Matrix product, after Goto and van de Geijn 2008 ("Anatomy of high-performance matrix multiplication"): b packed in
 * panels of 8 columns, a packed block by block in tiles of 4 rows, and a register tile of 4 x 8. Six rows would need
 * 12 accumulators; V8 (Node 20) then spills two of them inside the loop and halves the speed, fused or not.
 */
import { madd } from './vector';

const ROWS: i32 = 4;
/** Rows of a packed at a time, and length of a packed run over k: 48 KiB, within L2. */
const BLOCK_M: i32 = 48;
const BLOCK_K: i32 = 256;
const PANEL_ROW_BYTES: usize = 32;

export function packPanels(
  packedPtr: usize,
  bPtr: usize,
  rowStride: i32,
  columnStride: i32,
  k: i32,
  n: i32,
): void {
  let out = packedPtr;
  const rowBytes = <usize>rowStride << 2;
  const columnBytes = <usize>columnStride << 2;
  for (let j = 0; j < n; j += 8) {
    let row = bPtr + <usize>j * columnBytes;
    const width = min(8, n - j);
    if (width == 8 && columnStride == 1) {
      for (let i = 0; i < k; i++) {
        v128.store(out, v128.load(row));
        v128.store(out, v128.load(row, 16), 16);
        out += PANEL_ROW_BYTES;
        row += rowBytes;
      }
    } else {
      for (let i = 0; i < k; i++) {
        for (let c = 0; c < 8; c++) {
          store<f32>(out + (<usize>c << 2), c < width ? load<f32>(row + <usize>c * columnBytes) : 0);
        }
        out += PANEL_ROW_BYTES;
        row += rowBytes;
      }
    }
  }
}

/** y[4][4] <- the transpose of x[4][4], whose rows are rowBytes apart. */
// @ts-ignore: decorator
@inline
function transposeSquare(yPtr: usize, xPtr: usize, rowBytes: usize): void {
  const row0 = v128.load(xPtr);
  const row1 = v128.load(xPtr + rowBytes);
  const row2 = v128.load(xPtr + 2 * rowBytes);
  const row3 = v128.load(xPtr + 3 * rowBytes);
  const low01 = v128.shuffle<i32>(row0, row1, 0, 4, 1, 5); // columns 0 and 1 of rows 0 and 1
  const low23 = v128.shuffle<i32>(row2, row3, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(row0, row1, 2, 6, 3, 7); // columns 2 and 3
  const high23 = v128.shuffle<i32>(row2, row3, 2, 6, 3, 7);
  v128.store(yPtr, v128.shuffle<i32>(low01, low23, 0, 1, 4, 5));
  v128.store(yPtr, v128.shuffle<i32>(low01, low23, 2, 3, 6, 7), 16);
  v128.store(yPtr, v128.shuffle<i32>(high01, high23, 0, 1, 4, 5), 32);
  v128.store(yPtr, v128.shuffle<i32>(high01, high23, 2, 3, 6, 7), 48);
}

/** tiles[ceil(m/ROWS)][k][ROWS] <- a, padded with zero rows. */
function packTiles(tilesPtr: usize, aPtr: usize, rowStride: i32, columnStride: i32, m: i32, k: i32): void {
  let out = tilesPtr;
  const rowBytes = <usize>rowStride << 2;
  const columnBytes = <usize>columnStride << 2;
  for (let i = 0; i < m; i += ROWS) {
    const height = min(ROWS, m - i);
    let column = aPtr + <usize>i * rowBytes;
    if (height == ROWS && rowStride == 1) {
      for (let c = 0; c < k; c++) {
        v128.store(out, v128.load(column));
        out += <usize>ROWS << 2;
        column += columnBytes;
      }
    } else if (height == ROWS) {
      let c = 0;
      if (columnStride == 1) {
        for (; c + 4 <= k; c += 4) {
          transposeSquare(out, column, rowBytes);
          out += <usize>ROWS << 4;
          column += 16;
        }
      }
      for (; c < k; c++) {
        store<f32>(out, load<f32>(column));
        store<f32>(out, load<f32>(column + rowBytes), 4);
        store<f32>(out, load<f32>(column + 2 * rowBytes), 8);
        store<f32>(out, load<f32>(column + 3 * rowBytes), 12);
        out += <usize>ROWS << 2;
        column += columnBytes;
      }
    } else {
      for (let c = 0; c < k; c++) {
        for (let r = 0; r < ROWS; r++) {
          store<f32>(out + (<usize>r << 2), r < height ? load<f32>(column + <usize>r * rowBytes) : 0);
        }
        out += <usize>ROWS << 2;
        column += columnBytes;
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function storeRow(cPtr: usize, low: v128, high: v128, isAdding: bool): void {
  v128.store(cPtr, isAdding ? f32x4.add(v128.load(cPtr), low) : low);
  v128.store(cPtr, isAdding ? f32x4.add(v128.load(cPtr, 16), high) : high, 16);
}

/** c[4][8] = or += tile b. */
function tile(cPtr: usize, rowBytes: usize, aPtr: usize, bPtr: usize, k: i32, isAdding: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const bEnd = bPtr + <usize>k * PANEL_ROW_BYTES;
  let a = aPtr;
  for (let b = bPtr; b < bEnd; b += PANEL_ROW_BYTES) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    c00 = madd(a0, b0, c00);
    c01 = madd(a0, b1, c01);
    const a1 = v128.load32_splat(a, 4);
    c10 = madd(a1, b0, c10);
    c11 = madd(a1, b1, c11);
    const a2 = v128.load32_splat(a, 8);
    c20 = madd(a2, b0, c20);
    c21 = madd(a2, b1, c21);
    const a3 = v128.load32_splat(a, 12);
    c30 = madd(a3, b0, c30);
    c31 = madd(a3, b1, c31);
    a += 16;
  }
  storeRow(cPtr, c00, c01, isAdding);
  storeRow(cPtr + rowBytes, c10, c11, isAdding);
  storeRow(cPtr + 2 * rowBytes, c20, c21, isAdding);
  storeRow(cPtr + 3 * rowBytes, c30, c31, isAdding);
}

/** A tile that hangs over the edge of c goes through a full tile in scratch. */
function edgeTile(
  cPtr: usize,
  rowBytes: usize,
  aPtr: usize,
  bPtr: usize,
  k: i32,
  isAdding: bool,
  height: i32,
  width: i32,
  spillPtr: usize,
): void {
  tile(spillPtr, PANEL_ROW_BYTES, aPtr, bPtr, k, false);
  for (let r = 0; r < height; r++) {
    for (let j = 0; j < width; j++) {
      const at = cPtr + <usize>r * rowBytes + (<usize>j << 2);
      const value = load<f32>(spillPtr + <usize>r * PANEL_ROW_BYTES + (<usize>j << 2));
      store<f32>(at, isAdding ? load<f32>(at) + value : value);
    }
  }
}

export function gemm(
  cPtr: usize,
  ldc: i32,
  aPtr: usize,
  aRowStride: i32,
  aColumnStride: i32,
  packedPtr: usize,
  m: i32,
  n: i32,
  k: i32,
  accumulate: i32,
  scratchPtr: usize,
): void {
  const rowBytes = <usize>ldc << 2;
  const panelBytes = <usize>k * PANEL_ROW_BYTES;
  const spillPtr = scratchPtr + ((<usize>BLOCK_M * <usize>BLOCK_K) << 2);
  for (let k0 = 0; k0 < k; k0 += BLOCK_K) {
    const depth = min(BLOCK_K, k - k0);
    const isAdding = accumulate != 0 || k0 > 0;
    const tileBytes = (<usize>depth * <usize>ROWS) << 2;
    for (let m0 = 0; m0 < m; m0 += BLOCK_M) {
      const height = min(BLOCK_M, m - m0);
      const block = aPtr + ((<usize>m0 * <usize>aRowStride + <usize>k0 * <usize>aColumnStride) << 2);
      packTiles(scratchPtr, block, aRowStride, aColumnStride, height, depth);
      let panel = packedPtr + <usize>k0 * PANEL_ROW_BYTES;
      for (let j = 0; j < n; j += 8) {
        const width = min(8, n - j);
        let a = scratchPtr;
        let c = cPtr + <usize>m0 * rowBytes + (<usize>j << 2);
        for (let i = 0; i < height; i += ROWS) {
          const rows = min(ROWS, height - i);
          if (rows == ROWS && width == 8) tile(c, rowBytes, a, panel, depth, isAdding);
          else edgeTile(c, rowBytes, a, panel, depth, isAdding, rows, width, spillPtr);
          a += tileBytes;
          c += <usize>ROWS * rowBytes;
        }
        panel += panelBytes;
      }
    }
  }
  // An empty sum is zero: without this, k = 0 would leave c unwritten.
  if (k == 0 && accumulate == 0) {
    for (let i = 0; i < m; i++) memory.fill(cPtr + <usize>i * rowBytes, 0, <usize>n << 2);
  }
}
