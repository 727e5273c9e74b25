/** Correlation coefficients of two lists of equal length. */

/** Pearson's r; NaN where a list does not vary. */
export function pearson(x: readonly number[], y: readonly number[]): number {
  const meanX = x.reduce((sum, value) => sum + value, 0) / x.length;
  const meanY = y.reduce((sum, value) => sum + value, 0) / y.length;
  let [xx, yy, xy] = [0, 0, 0];
  x.forEach((value, i) => {
    xx += (value - meanX) ** 2;
    yy += (y[i] - meanY) ** 2;
    xy += (value - meanX) * (y[i] - meanY);
  });
  return xy / Math.sqrt(xx * yy);
}

/** Spearman's rank correlation: Pearson's r of the ranks, ties sharing their mean rank. */
export function spearman(x: readonly number[], y: readonly number[]): number {
  return pearson(ranks(x), ranks(y));
}

function ranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}
