/**
 * What may follow what while a decoder is calibrated to a running session, so that nothing gets into service that was not
 * collected for, fitted and judged. Every step is kept with its reason, in words for the person who decides.
 */
import { assert } from '../../core/errors.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { isForUse } from './report-verdict.ts';
import type { Verdict } from './report-verdict.ts';

export const CALIBRATION_STATES = [
  'collecting',
  'fitting',
  'interim',
  'evaluating',
  'proposed',
  'promoted',
  'rejected',
  'cancelled',
  'failed',
  'rolledBack',
] as const;
export type CalibrationState = (typeof CALIBRATION_STATES)[number];

export interface Transition {
  state: CalibrationState;
  /** Of the session, in the time of its data. */
  seconds: number;
  reason: string;
  /** Of `failed`. */
  code?: ErrorCode;
  /** What can be done about that, where it is known. */
  tip?: string;
}

const NEXT: Readonly<Record<CalibrationState, readonly CalibrationState[]>> = {
  collecting: ['fitting', 'cancelled', 'failed'],
  // Again where a quick candidate does not come into service, with the reason.
  fitting: ['fitting', 'interim', 'evaluating', 'cancelled', 'failed'],
  // A quick candidate decodes while the fit goes on, until it is rolled back.
  interim: ['fitting', 'evaluating', 'cancelled', 'failed'],
  evaluating: ['proposed', 'rejected', 'cancelled', 'failed'],
  // A proposal is rejected by the person, or by the session that cannot take the candidate.
  proposed: ['promoted', 'rejected', 'cancelled'],
  promoted: ['rolledBack'],
  // The quick candidate outlives what was to follow it: it stays in service, or may be put back.
  rejected: ['promoted', 'rolledBack'],
  cancelled: ['promoted', 'rolledBack'],
  failed: ['promoted', 'rolledBack'],
  // Whoever asked for the decoder before may want the other one back, or the one before that.
  rolledBack: ['promoted', 'rolledBack'],
};

export class Guardrails {
  private readonly transitions: Transition[];
  private readonly onTransition: (transition: Transition) => void;

  constructor(reason: string, onTransition: (transition: Transition) => void = () => undefined) {
    this.transitions = [{ state: 'collecting', seconds: 0, reason }];
    this.onTransition = onTransition;
  }

  get state(): CalibrationState {
    return this.transitions[this.transitions.length - 1].state;
  }

  /** From the beginning on, the present state last. */
  get history(): readonly Transition[] {
    return this.transitions;
  }

  /** Whether that could follow now. */
  allows(state: CalibrationState): boolean {
    return NEXT[this.state].includes(state);
  }

  /** Legal from where it is, or a programmer's error: the assertion names both states. */
  advance(state: Exclude<CalibrationState, 'failed'>, seconds: number, reason: string): void {
    this.enter({ state, seconds, reason });
  }

  fail(code: ErrorCode, seconds: number, reason: string, tip?: string): void {
    this.enter({ state: 'failed', seconds, reason, code, ...(tip === undefined ? {} : { tip }) });
  }

  /** The candidate goes to whoever decides, or nowhere. */
  decide(verdict: Verdict, seconds: number): void {
    this.advance(isForUse(verdict) ? 'proposed' : 'rejected', seconds, verdict.sentence);
  }

  private enter(transition: Transition): void {
    assert(this.allows(transition.state), `a calibration goes from ${this.state} to ${transition.state}`);
    this.transitions.push(transition);
    this.onTransition(transition);
  }
}
