/** The quick candidate of `auto`, which decodes while a better one is still learned. */
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import type { JudgedCandidate } from './judged-candidate.ts';
import type { Session } from './session.ts';

export class InterimDecoder {
  readonly judged: JudgedCandidate;
  /** Resolves when it has come into service, or never will. */
  readonly settled: Promise<void>;
  /** It was in service, and may still be. */
  wasInService = false;
  /** It was rolled back because its numbers were not finite. */
  isUnusable = false;
  private settle: () => void = () => undefined;

  /**
   * Asks for its promotion.
   * @param onRefused which is no error: the fit goes on beside the decoder that stays
   */
  constructor(
    judged: JudgedCandidate,
    session: Pick<Session, 'promote'>,
    onRefused: (error: unknown) => void,
  ) {
    this.judged = judged;
    this.settled = new Promise((resolve) => {
      this.settle = resolve;
    });
    session.promote(judged.bytes).catch((error: unknown) => {
      this.settle();
      onRefused(error);
    });
  }

  get method(): SessionMethod {
    return this.judged.calibration.candidate.method;
  }

  /** The session's event, which comes in order with those of rollbacks, says that it is in service. */
  takePromotion(): void {
    this.wasInService = true;
    this.settle();
  }

  /** Why a candidate by that method is not to be proposed: it is this one. */
  whyNot(method: SessionMethod, isInService: boolean): string | undefined {
    if (method !== this.method || !(this.isUnusable || isInService)) return undefined;
    const why = this.isUnusable ? 'but gave numbers that are not finite' : 'and is in service already';
    return `the decoder by ${method} is the best that was found, ${why}`;
  }

  /** No event comes any more. */
  end(): void {
    this.settle();
  }
}
