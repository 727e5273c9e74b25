/**
 * What was adapted, as the first part of a decoder's saved state. All of it is float32, because a saved state is checked number by
 * number as the core's kind has them: numbers that are finite in float32 are finite read as float64 too. A float64 number
 * is kept as two of float32, its rounding and what that left over, which is good to 48 bits.
 */
export class AdaptedState {
  /** A multiple of 8. */
  readonly byteLength: number;
  private readonly singles: readonly Float32Array[];
  private readonly doubles: readonly Float64Array[];
  private readonly packed: Float32Array;
  private readonly bytes: Uint8Array;

  /** @param singles, doubles what is saved and loaded, in place */
  constructor(singles: readonly Float32Array[], doubles: readonly Float64Array[]) {
    this.singles = singles;
    this.doubles = doubles;
    const count =
      singles.reduce((sum, { length }) => sum + length, 0) +
      2 * doubles.reduce((sum, { length }) => sum + length, 0);
    this.byteLength = Math.ceil(count / 2) * 8;
    this.packed = new Float32Array(this.byteLength / 4);
    this.bytes = new Uint8Array(this.packed.buffer);
  }

  /** @param into its first `byteLength` bytes are written */
  save(into: Uint8Array): void {
    const { packed } = this;
    let at = 0;
    for (const values of this.singles) {
      packed.set(values, at);
      at += values.length;
    }
    for (const values of this.doubles) {
      for (let i = 0; i < values.length; i++, at += 2) {
        packed[at] = values[i];
        packed[at + 1] = values[i] - packed[at];
      }
    }
    into.set(this.bytes);
  }

  /** @param from what `save` gave, at its beginning */
  load(from: Uint8Array): void {
    const { packed, bytes } = this;
    for (let i = 0; i < bytes.length; i++) bytes[i] = from[i];
    let at = 0;
    for (const values of this.singles) {
      for (let i = 0; i < values.length; i++, at++) values[i] = packed[at];
    }
    for (const values of this.doubles) {
      for (let i = 0; i < values.length; i++, at += 2) values[i] = packed[at] + packed[at + 1];
    }
  }
}
