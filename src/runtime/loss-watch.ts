/** Counts of a session that have grown become events, at most one of a kind per look: losses, and what was given up. */
import { SESSION_ROLLBACKS } from './session-memory.ts';
import type { SessionMemory } from './session-memory.ts';
import type { SinkQueue } from './sink-queue.ts';
import type { SessionEvent } from './sink.ts';

export class LossWatch {
  private readonly memory: SessionMemory;
  private readonly queues: readonly SinkQueue[];
  private readonly tell: (event: SessionEvent) => void;
  private nonFiniteBins = 0;
  private recordsLost = 0;
  private adaptationRollbacks = 0;
  private readonly sinkLosses = new Map<SinkQueue, number>();

  constructor(memory: SessionMemory, queues: readonly SinkQueue[], tell: (event: SessionEvent) => void) {
    this.memory = memory;
    this.queues = queues;
    this.tell = tell;
  }

  look(): void {
    const { memory, queues } = this;
    const binCount = memory.account.nonFiniteBins() - this.nonFiniteBins;
    this.nonFiniteBins += binCount;
    if (binCount > 0) this.tell({ kind: 'nonFinite', binCount });
    const recordCount = memory.records.lostCount() - this.recordsLost;
    this.recordsLost += recordCount;
    if (recordCount > 0) this.tell({ kind: 'recordsLost', recordCount });
    const rollbacks = memory.learning[SESSION_ROLLBACKS];
    const count = rollbacks - this.adaptationRollbacks;
    this.adaptationRollbacks = rollbacks;
    if (count > 0) this.tell({ kind: 'adaptationRolledBack', count });
    for (const queue of queues) {
      const { lost } = queue.account();
      const before = this.sinkLosses.get(queue) ?? 0;
      this.sinkLosses.set(queue, lost);
      if (lost > before) this.tell({ kind: 'sinkBehind', sink: queue.sink.name, recordCount: lost - before });
    }
  }
}
