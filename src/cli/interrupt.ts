/** Ctrl-C: the first asks the command to end in order, the second ends the process at once. */
import { BetzError } from '../core/errors.ts';
import { EXIT } from './failure.ts';

export interface Interrupt {
  /** Aborted by the first Ctrl-C (or a polite kill). */
  readonly signal: AbortSignal;
  dispose(): void;
}

/** @param hint what is happening now, said after the first Ctrl-C */
export function listenForInterrupt(hint: string): Interrupt {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      if (process.stderr.isTTY) process.stderr.write('\u001b[?25h'); // a progress bar or view may have hidden the cursor
      process.exit(EXIT.interrupted);
    }
    process.stderr.write(`\n${hint} (Ctrl-C again to end at once)\n`);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    dispose: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}

/** Thrown by a computation that was told to stop before it had a result. */
export function interruptedError(): BetzError {
  return new BetzError('CFG_INTERRUPTED', 'stopped before it was done', { tip: 'Nothing was written.' });
}
