/** Counts that have grown become events, once. */
import { describe, expect, it } from 'vitest';
import { LEARNING } from '../../src/decoders/decoder.ts';
import { LossWatch } from '../../src/runtime/loss-watch.ts';
import { SESSION_ROLLBACKS, SessionMemory } from '../../src/runtime/session-memory.ts';
import type { SessionEvent } from '../../src/runtime/sink.ts';

const memory = new SessionMemory({
  chunks: { slotCount: 2, channelCount: 1, truthCount: 0, maxFramesPerChunk: 1 },
  records: { slotCount: 2, featureCount: 1, outputCount: 1, truthCount: 0 },
  framesPerBin: 1,
  framePeriodNs: 1e7,
  isPaced: false,
  isRealTime: false,
  deadlineNs: 1e7,
  comparedDimensions: 0,
});

describe('the watch over losses', () => {
  it('tells once what a decoder has given up, whichever decoder comes into service', () => {
    const events: SessionEvent[] = [];
    const watch = new LossWatch(memory, [], (event) => events.push(event));
    const inService = (rollbacks: number, total: number): void => {
      memory.learning[LEARNING.rollbacks] = rollbacks;
      memory.learning[SESSION_ROLLBACKS] = total;
      watch.look();
    };
    inService(2, 2);
    inService(0, 2); // promoted: another decoder, which has given up nothing
    inService(2, 2); // and back
    expect(events).toEqual([{ kind: 'adaptationRolledBack', count: 2 }]);
    inService(3, 3);
    expect(events.slice(1)).toEqual([{ kind: 'adaptationRolledBack', count: 1 }]);
  });
});
