/** Rows of a packed matrix come in blocks of this size (kernels/exports/matvec.ts). */
const ROW_BLOCK = 24;

/** Elements that a vector of the rows' outputs, biases or scales has room for. */
export function paddedCount(rows: number): number {
  return Math.ceil(rows / ROW_BLOCK) * ROW_BLOCK;
}
