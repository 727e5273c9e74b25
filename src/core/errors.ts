/**
 * Coded errors: everything that can go wrong for a user carries a code to look up, the bad value, and a tip.
 * Callers branch on `code`, never on message text. Codes are listed in docs/errors.md.
 *
 * Prefixes: ACQ_ acquisition, SIG_ signal stages, DEC_ decoders and model files, CAL_ calibration,
 * LOG_ recordings, IPC_ threads and API, CFG_ configuration and command line.
 */
export type ErrorCode = `${'ACQ' | 'SIG' | 'DEC' | 'CAL' | 'LOG' | 'IPC' | 'CFG'}_${Uppercase<string>}`;

export interface ErrorDetails {
  /** What was found, as the user would recognise it (a path, a number, an option). */
  value?: unknown;
  /** What the user can do about it: one sentence. */
  tip: string;
  cause?: unknown;
}

export class BetzError extends Error {
  readonly code: ErrorCode;
  readonly value: unknown;
  readonly tip: string;

  constructor(code: ErrorCode, message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'BetzError';
    this.code = code;
    this.value = details.value;
    this.tip = details.tip;
  }

  toJSON(): { code: ErrorCode; message: string; value: unknown; tip: string } {
    return { code: this.code, message: this.message, value: this.value, tip: this.tip };
  }
}

/** For programmer errors: states that no input can reach. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
