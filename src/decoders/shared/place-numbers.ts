/** Numbers in a decoder's own memory: what a promotion replaces, and so where everything has to lie that a model brings. */
import type { Arena } from '../../kernels/arena.ts';

/** @returns a copy of the values, float32, in the arena */
export function placeNumbers(arena: Arena, values: ArrayLike<number>): Float32Array {
  const placed = arena.float32(arena.allocate(values.length), values.length);
  placed.set(values);
  return placed;
}
