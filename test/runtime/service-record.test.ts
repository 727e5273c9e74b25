import { describe, expect, it } from 'vitest';
import type { JudgedCandidate } from '../../src/runtime/judged-candidate.ts';
import { ServiceRecord } from '../../src/runtime/service-record.ts';

describe('ServiceRecord', () => {
  const [one, two] = [{}, {}] as JudgedCandidate[];

  it('knows what is in service, what would be after a rollback, and since when', () => {
    const record = new ServiceRecord();
    expect([record.now, record.rolledBack()]).toEqual([undefined, undefined]);
    record.promoted(one, 10);
    record.promoted(two, 20);
    expect(record.now).toBe(two);
    expect(record.rolledBack()).toBe(two);
    expect(record.now).toBe(one);
    expect(record.rolledBack()).toBe(one);
    expect(record.now, 'the one that the session began with').toBeUndefined();
    expect(record.rolledBack()).toBeUndefined();
    record.promoted(one, 30);
    expect([record.firstBin(one), record.firstBin(two)]).toEqual([10, 20]);
  });
});
