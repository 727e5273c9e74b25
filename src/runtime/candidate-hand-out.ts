/** Gives candidates to whoever keeps them; that they cannot be kept is no error of the session. */
import type { JudgedCandidate } from './judged-candidate.ts';

export class CandidateHandOut {
  /** The last that was kept. */
  last: JudgedCandidate | undefined;
  /** Why the last that was given was not kept. */
  error: Error | undefined;
  private readonly keep: ((candidate: Uint8Array) => void) | undefined;

  /** @param keep given the model file */
  constructor(keep: ((candidate: Uint8Array) => void) | undefined) {
    this.keep = keep;
  }

  give(judged: JudgedCandidate): void {
    this.error = undefined;
    try {
      this.keep?.(judged.bytes);
      this.last = judged;
    } catch (error) {
      this.error = error instanceof Error ? error : new Error(String(error));
    }
  }
}
