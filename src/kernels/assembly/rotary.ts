/**
 * Rotary positions (Su et al. 2021, RoFormer, arXiv 2104.09864, equation 34): features 2i and 2i + 1 of a head turn by
 * the angle position x theta_i. A row of the table is cos [width], each value twice, then sin [width], each value twice
 * with signs - and +, so that
 *   y = x cos + swap(x) sin,   swap(x) = x1, x0, x3, x2, ...
 * and the turn back is y = x cos - swap(x) sin.
 */
import { madd } from './vector';

/** y[width] = scale times x[width] turned (direction 1) or turned back (-1). width in bytes, a multiple of 8. */
export function rotateRow(
  yPtr: usize,
  xPtr: usize,
  tablePtr: usize,
  widthBytes: usize,
  direction: f32,
  scale: f32,
): void {
  const scales = f32x4.splat(scale);
  const sinScales = f32x4.splat(scale * direction);
  const sinPtr = tablePtr + widthBytes;
  let i: usize = 0;
  for (; i + 16 <= widthBytes; i += 16) {
    const x = v128.load(xPtr + i);
    const swapped = v128.shuffle<f32>(x, x, 1, 0, 3, 2);
    const turned = f32x4.mul(swapped, f32x4.mul(v128.load(sinPtr + i), sinScales));
    v128.store(yPtr + i, madd(x, f32x4.mul(v128.load(tablePtr + i), scales), turned));
  }
  if (i < widthBytes) {
    const x = v128.load64_zero(xPtr + i);
    const swapped = v128.shuffle<f32>(x, x, 1, 0, 3, 2);
    const turned = f32x4.mul(swapped, f32x4.mul(v128.load64_zero(sinPtr + i), sinScales));
    v128.store64_lane(yPtr + i, madd(x, f32x4.mul(v128.load64_zero(tablePtr + i), scales), turned), 0);
  }
}
