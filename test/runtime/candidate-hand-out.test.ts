import { describe, expect, it } from 'vitest';
import { CandidateHandOut } from '../../src/runtime/candidate-hand-out.ts';
import type { JudgedCandidate } from '../../src/runtime/judged-candidate.ts';

const judged = { bytes: Uint8Array.of(1) } as JudgedCandidate;

describe('what is handed out', () => {
  it('is not kept where its keeper throws, and nothing is wrong any more when it is given again', () => {
    const full = new Error('disk full');
    const kept: Uint8Array[] = [];
    const handOut = new CandidateHandOut((bytes) => {
      if (kept.push(bytes) === 1) throw full;
    });
    handOut.give(judged);
    expect([handOut.last, handOut.error]).toEqual([undefined, full]);
    handOut.give(judged);
    expect([handOut.last, handOut.error]).toEqual([judged, undefined]);
    expect(kept).toEqual([judged.bytes, judged.bytes]);
  });

  it('needs no keeper', () => {
    const handOut = new CandidateHandOut(undefined);
    handOut.give(judged);
    expect([handOut.last, handOut.error]).toEqual([judged, undefined]);
  });
});
