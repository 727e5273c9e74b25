/**
 * What a person can ask of a running session: by a key of the live view, or by a signal where nobody sits at a terminal. What
 * cannot be done is said in one line, and changes nothing.
 */
import type { LiveCalibration } from '../runtime/live-calibration.ts';
import type { Session } from '../runtime/session.ts';
import type { Interrupt } from './interrupt.ts';
import { CTRL_C } from './session-keys.ts';

/** SIGUSR1 is Node's own: it opens the inspector. */
const ROLLBACK_SIGNAL = 'SIGUSR2';

/** The part of them that this asks for. */
type ControlledSession = Pick<Session, 'rollback' | 'canRollBack'>;
type ControlledCalibration = Pick<
  LiveCalibration,
  'cancel' | 'promote' | 'isCancellable' | 'isPromotable' | 'state'
>;

export class SessionControl {
  private session: ControlledSession | undefined;
  private calibration: ControlledCalibration | undefined;
  private tell: (text: string) => void;

  /** Listens for the signal from now on: unheard, it would end the process. */
  constructor(tell: (text: string) => void) {
    this.tell = tell;
    process.on(ROLLBACK_SIGNAL, this.rollBack);
  }

  /** @param tell says what could not be done, from now on */
  attach(
    session: ControlledSession,
    calibration: ControlledCalibration | undefined,
    tell: (text: string) => void,
  ): void {
    this.session = session;
    this.calibration = calibration;
    this.tell = tell;
  }

  dispose(): void {
    process.off(ROLLBACK_SIGNAL, this.rollBack);
  }

  actions(interrupt: Interrupt): Readonly<Record<string, () => void>> {
    return {
      r: this.rollBack,
      c: () => {
        this.cancel();
      },
      p: () => {
        this.promote();
      },
      q: () => {
        if (!interrupt.signal.aborted) interrupt.ask();
      },
      [CTRL_C]: () => {
        interrupt.ask();
      },
    };
  }

  /** The keys that do something now. */
  keysText(): string {
    const { session, calibration } = this;
    return [
      ...(calibration?.isPromotable === true ? ['p use the new decoder'] : []),
      ...(session?.canRollBack === true ? ['r go back to the decoder before'] : []),
      ...(calibration?.isCancellable === true
        ? [calibration.state === 'proposed' ? 'c discard it' : 'c cancel the calibration']
        : []),
      'q stop',
    ].join('   ');
  }

  /** For whoever has no keys; the process may be somebody's child, such as npx's, which does not hand signals on. */
  signalText(): string | undefined {
    if (process.platform === 'win32' || this.calibration === undefined) return undefined;
    return `to go back to the decoder before: kill -USR2 ${process.pid}`;
  }

  /** The session's event says when it has happened. */
  private readonly rollBack = (): void => {
    if (this.session === undefined) this.tell('not rolled back: the session has not begun');
    else this.session.rollback().catch(this.refusal('not rolled back'));
  };

  private cancel(): void {
    const { calibration } = this;
    if (calibration?.isCancellable === true) calibration.cancel('asked for');
    else this.tell('nothing to cancel: no calibration is under way');
  }

  private promote(): void {
    if (this.calibration === undefined)
      this.tell('not promoted: this session does not calibrate (--calibrate)');
    else this.calibration.promote().catch(this.refusal('not promoted'));
  }

  private refusal(what: string): (error: unknown) => void {
    return (error) => {
      this.tell(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    };
  }
}
