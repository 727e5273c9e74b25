/** Which of a calibration's decoders is in service, which would be after a rollback, and since when. */
import type { JudgedCandidate } from './judged-candidate.ts';

export class ServiceRecord {
  /** undefined: the one that the session began with, or one that came from elsewhere. */
  now: JudgedCandidate | undefined;
  /** The last one is next. The session can go back to some of them, and says when it does. */
  private readonly before: (JudgedCandidate | undefined)[] = [];
  private readonly firstBins = new Map<JudgedCandidate, number>();

  promoted(judged: JudgedCandidate | undefined, binIndex: number): void {
    this.before.push(this.now);
    this.now = judged;
    if (judged !== undefined && !this.firstBins.has(judged)) this.firstBins.set(judged, binIndex);
  }

  /** @returns what was in service until now */
  rolledBack(): JudgedCandidate | undefined {
    const gone = this.now;
    this.now = this.before.pop();
    return gone;
  }

  /** The first that it decoded, whatever came after. */
  firstBin(judged: JudgedCandidate): number | undefined {
    return this.firstBins.get(judged);
  }
}
