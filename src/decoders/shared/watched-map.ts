/** A map that tells of its input before it is applied: for accounting, never in service. */
import type { Arena } from '../../kernels/arena.ts';
import type { MapInputListener } from '../../kernels/kernels.ts';
import type { AffineMap } from './affine-map.ts';

export class WatchedMap implements AffineMap {
  readonly rows: number;
  readonly cols: number;
  readonly outputPtr: number;
  private readonly map: AffineMap;
  private readonly name: string;
  private readonly arena: Arena;
  private readonly listener: MapInputListener;

  constructor(map: AffineMap, name: string, arena: Arena, listener: MapInputListener) {
    this.map = map;
    this.name = name;
    this.arena = arena;
    this.listener = listener;
    this.rows = map.rows;
    this.cols = map.cols;
    this.outputPtr = map.outputPtr;
  }

  apply(xPtr: number): void {
    this.listener(this.name, this.arena.float32(xPtr, this.cols));
    this.map.apply(xPtr);
  }

  applySparse(xPtr: number): void {
    this.listener(this.name, this.arena.float32(xPtr, this.cols));
    this.map.applySparse(xPtr);
  }
}
