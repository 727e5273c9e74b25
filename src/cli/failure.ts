/**
 * How a command ends when it goes wrong: one message with code, value and tip on stderr, with --json also one object on
 * stdout, and the exit code: 1 failed, 2 wrong usage.
 */
import { CommanderError } from 'commander';
import { BetzError } from '../core/errors.ts';
import type { ErrorCode } from '../core/errors.ts';

export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** A mistake on the command line. */
export function usageError(message: string, value: unknown, tip: string): BetzError {
  return new BetzError('CFG_USAGE', message, { value, tip });
}

export function reportFailure(error: unknown, isJson: boolean): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? EXIT.ok : reportFailure(commandError(error), isJson); // 0: --help, --version
  }
  const failure = error instanceof BetzError ? error : internalError(error);
  process.stderr.write(`error ${failure.code}: ${failure.message}\n`);
  if (failure.value !== undefined) process.stderr.write(`  value: ${formatValue(failure.value)}\n`);
  process.stderr.write(`  tip: ${failure.tip}\n`);
  if (isJson) process.stdout.write(`${JSON.stringify({ error: failure })}\n`);
  return isUsage(failure.code) ? EXIT.usage : EXIT.failed;
}

function commandError({ code, message }: CommanderError): BetzError {
  // It has printed the help because no command, or an unknown one, was named.
  if (code === 'commander.help') {
    return usageError('no known command was given', undefined, 'Choose one of those listed above.');
  }
  const text = message.replace(/^error: /, '').replace(/\n\(Did you mean (.+)\?\)$/s, '; did you mean $1?');
  const typed = /(?:argument|unknown option|unknown command) '([^']*)'/.exec(text)?.[1];
  return usageError(text, typed, 'See `betz --help`, or `betz COMMAND --help`.');
}

function isUsage(code: ErrorCode): boolean {
  return code === 'CFG_USAGE' || code === 'DEC_KIND_UNKNOWN';
}

/** As V8 says that an array is larger than any can be, or than the memory that is left. */
const NO_ROOM = /^(Invalid typed array length: \d|Array buffer allocation failed)/;

function internalError(error: unknown): BetzError {
  if (error instanceof RangeError && NO_ROOM.test(error.message))
    return new BetzError('CFG_MEMORY_EXHAUSTED', 'what was asked for does not fit the memory', {
      tip: 'Ask for less: fewer channels, seconds or steps, wider bins, or a smaller model.',
      cause: error,
    });
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new BetzError('CFG_INTERNAL', `Betz failed in a way it should not: ${text}`, {
    tip: 'Please report this with the command you ran.',
    cause: error,
  });
}

function formatValue(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
}
