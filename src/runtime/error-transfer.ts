/**
 * Errors across a thread border. Structured cloning would drop code, value and tip, so they travel as plain data and
 * are made anew on the other side. `value` keeps its type when it is plain, and becomes text when it is not.
 */
import { BetzError } from '../core/errors.ts';
import type { ErrorCode } from '../core/errors.ts';

export type TransferredError =
  | { kind: 'coded'; code: ErrorCode; message: string; value: unknown; tip: string; stack: string }
  | { kind: 'plain'; message: string; stack: string };

export function transferError(error: unknown): TransferredError {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  if (!(error instanceof BetzError)) return { kind: 'plain', message, stack };
  return { kind: 'coded', code: error.code, message, value: plainValue(error.value), tip: error.tip, stack };
}

/** @param died the code for an error that no code foresaw, which is a fault of the worker and not of the user */
export function restoreError(transferred: TransferredError, died: ErrorCode): BetzError {
  const cause = new Error(transferred.message);
  cause.stack = transferred.stack;
  if (transferred.kind === 'plain') return workerDied(died, transferred.message, cause);
  const { code, message, value, tip } = transferred;
  return new BetzError(code, message, { value, tip, cause });
}

export function workerDied(code: ErrorCode, reason: string, cause?: unknown): BetzError {
  return new BetzError(code, `a worker thread ended unexpectedly: ${reason}`, {
    value: reason,
    tip: 'The session was ended and its recording closed. Start it again; if it happens again, report it as a bug.',
    cause,
  });
}

function plainValue(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return String(value);
  }
}
