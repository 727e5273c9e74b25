/**
 * Sixteen channels of one sequence of a time-major tensor: a cache line per step, copied to a small block that a kernel
 * can go over again and again without touching the rest, and back. A block is [T][16].
 */

/** Channels of a block, and its row in bytes. */
export const BLOCK: i32 = 16;
export const BLOCK_BYTES: usize = 64;

/** block[T][16] = the first `width` channels of x[T][..] (rows `strideBytes` apart), and zeros. */
export function gatherBlock(blockPtr: usize, xPtr: usize, timeCount: i32, strideBytes: usize, width: i32): void {
  let block = blockPtr;
  let x = xPtr;
  for (let t = 0; t < timeCount; t++) {
    if (width == BLOCK) {
      v128.store(block, v128.load(x));
      v128.store(block, v128.load(x, 16), 16);
      v128.store(block, v128.load(x, 32), 32);
      v128.store(block, v128.load(x, 48), 48);
    } else {
      for (let c = 0; c < BLOCK; c++) {
        const at = <usize>c << 2;
        store<f32>(block + at, c < width ? load<f32>(x + at) : 0);
      }
    }
    block += BLOCK_BYTES;
    x += strideBytes;
  }
}

/** The first `width` channels of x[T][..] (rows `strideBytes` apart) = block[T][16], or += with isAdding. */
export function scatterBlock(
  xPtr: usize,
  blockPtr: usize,
  timeCount: i32,
  strideBytes: usize,
  width: i32,
  isAdding: bool,
): void {
  let block = blockPtr;
  let x = xPtr;
  for (let t = 0; t < timeCount; t++) {
    let c = 0;
    for (; c + 4 <= width; c += 4) {
      const at = <usize>c << 2;
      const value = v128.load(block + at);
      v128.store(x + at, isAdding ? f32x4.add(v128.load(x + at), value) : value);
    }
    for (; c < width; c++) {
      const at = <usize>c << 2;
      const value = load<f32>(block + at);
      store<f32>(x + at, isAdding ? load<f32>(x + at) + value : value);
    }
    block += BLOCK_BYTES;
    x += strideBytes;
  }
}
