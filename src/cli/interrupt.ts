/** Ctrl-C: the first asks the command to end in order, the second ends the process at once. */
import { BetzError } from '../core/errors.ts';
import { EXIT } from './failure.ts';

export interface Interrupt {
  /** Aborted by the first Ctrl-C, a polite kill, or the loss of whoever reads our output (`betz run | head`). */
  readonly signal: AbortSignal;
  /** As Ctrl-C does, for whoever reads the keyboard himself. */
  ask(): void;
  /** From now on the hint is told by `tell`, e.g. because a view owns the screen. */
  tellBy(tell: (text: string) => void): void;
  dispose(): void;
}

/** @param hint what is happening now, said after the first Ctrl-C */
export function listenForInterrupt(hint: string): Interrupt {
  const controller = new AbortController();
  let tell = writeLine;
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      showCursor();
      process.exit(EXIT.interrupted);
    }
    controller.abort(); // before anything is told, so that a progress bar is off the line
    tell(`${hint} (Ctrl-C again to end at once)`);
  };
  const onOutputLost = (): void => {
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.stdout.on('error', onOutputLost);
  return {
    signal: controller.signal,
    ask: onSignal,
    tellBy: (other) => {
      tell = other;
    },
    dispose: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
      process.stdout.off('error', onOutputLost);
    },
  };
}

/** Thrown by a computation that was told to stop before it had a result. */
export function interruptedError(tip = 'Nothing was written.'): BetzError {
  return new BetzError('CFG_INTERRUPTED', 'stopped before it was done', { tip });
}

/** A terminal has echoed ^C where the line begins. */
function writeLine(text: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${text}\n`);
}

/** A progress bar or a view may have hidden it. */
function showCursor(): void {
  [process.stderr, process.stdout].find((stream) => stream.isTTY)?.write('\u001b[?25h');
}
