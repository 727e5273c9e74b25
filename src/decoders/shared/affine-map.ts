/** y = W x + b in a streaming step, everything at a fixed place. Made by decoder-maps.ts. */
export interface AffineMap {
  readonly rows: number;
  readonly cols: number;
  /** Where y stands, [rows] and padding of zeros up to whole blocks of rows. */
  readonly outputPtr: number;
  /** @param xPtr [cols] */
  apply(xPtr: number): void;
  /** The same, and zeros in x cost nothing (in int8: pairs of neighbours that are both zero). @param xPtr [cols] */
  applySparse(xPtr: number): void;
}
