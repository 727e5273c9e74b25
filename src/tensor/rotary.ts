/**
 * Rotary positions (Su et al. 2021, RoFormer, arXiv 2104.09864, section 3.2.2): at position p, features 2i and 2i + 1 of a
 * head turn by the angle p theta_i, theta_i = 10000^(-2i / width). The product of a query and a key turned so depends on
 * the difference of their positions only.
 */

const ROTARY_BASE = 10_000;

/** theta of each pair of features, radians per position. @param headWidth even @returns [headWidth / 2] */
export function rotaryFrequencies(headWidth: number): Float64Array {
  return Float64Array.from({ length: headWidth / 2 }, (_, i) => ROTARY_BASE ** ((-2 * i) / headWidth));
}

/**
 * What the attention kernels turn with: per position the cosines, then the sines, each twice, the sines with signs - and
 * +. Angles are in float64.
 * @returns [positionCount, 2, headWidth]
 */
export function rotaryTable(positionCount: number, headWidth: number): Float32Array {
  const frequencies = rotaryFrequencies(headWidth);
  const table = new Float32Array(positionCount * 2 * headWidth);
  for (let position = 0; position < positionCount; position++) {
    const cosines = position * 2 * headWidth;
    const sines = cosines + headWidth;
    for (let i = 0; i < headWidth; i++) {
      const angle = position * frequencies[i >> 1];
      table[cosines + i] = Math.cos(angle);
      table[sines + i] = i % 2 === 0 ? -Math.sin(angle) : Math.sin(angle);
    }
  }
  return table;
}
