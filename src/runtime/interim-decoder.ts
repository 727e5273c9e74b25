/** The quick candidate of `auto`, which decodes while a better one is still learned. */
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import type { JudgedCandidate } from './judged-candidate.ts';
import type { Session } from './session.ts';

export class InterimDecoder {
  readonly judged: JudgedCandidate;
  /** Resolves when it has come into service, or was refused: then the fit goes on beside the decoder that stays. */
  readonly settled: Promise<void>;
  /** It came into service, and was not rolled back. */
  isInService = false;
  private isUnusable = false;

  constructor(judged: JudgedCandidate, session: Pick<Session, 'promote'>) {
    this.judged = judged;
    this.settled = session.promote(judged.bytes).then(
      () => {
        this.isInService = true;
      },
      () => undefined,
    );
  }

  get method(): SessionMethod {
    return this.judged.calibration.candidate.method;
  }

  takeRollback(reason: 'asked' | 'nonFinite'): void {
    this.isInService = false;
    this.isUnusable = reason !== 'asked';
  }

  /** Why a candidate by that method need not be proposed: it is this one. */
  whyNot(method: SessionMethod): string | undefined {
    if (method !== this.method) return undefined;
    if (this.isInService) return 'is the best that was found, and is in service already';
    return this.isUnusable ? 'is the best that was found, but gave numbers that are not finite' : undefined;
  }
}
