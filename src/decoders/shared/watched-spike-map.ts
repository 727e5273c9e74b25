/** A map of spikes that tells how often each neuron fired before it is applied: for accounting, never in service. */
import type { Arena } from '../../kernels/arena.ts';
import type { MapInputListener } from '../../kernels/kernels.ts';
import type { EventMap } from './event-map.ts';

export class WatchedSpikeMap implements EventMap {
  readonly rows: number;
  readonly cols: number;
  readonly outputPtr: number;
  private readonly map: EventMap;
  private readonly name: string;
  private readonly arena: Arena;
  private readonly listener: MapInputListener;
  /** Events of each neuron in this bin; NaN when a membrane is. [cols] */
  private readonly events: Float32Array;

  constructor(map: EventMap, name: string, arena: Arena, listener: MapInputListener) {
    this.map = map;
    this.name = name;
    this.arena = arena;
    this.listener = listener;
    this.rows = map.rows;
    this.cols = map.cols;
    this.outputPtr = map.outputPtr;
    this.events = new Float32Array(map.cols);
  }

  apply(listPtr: number, spikeCount: number): void {
    this.events.fill(spikeCount < 0 ? Number.NaN : 0);
    const fired = new Int32Array(this.arena.memory.buffer, listPtr, Math.max(0, spikeCount));
    for (const neuron of fired) this.events[neuron]++;
    this.listener(this.name, this.events);
    this.map.apply(listPtr, spikeCount);
  }
}
