import { BetzError } from '../../src/core/errors.ts';

/** The BetzError that `run` throws; anything else that it throws, or nothing, fails the test. */
export function betzErrorOf(run: () => unknown): BetzError {
  try {
    run();
  } catch (error) {
    if (error instanceof BetzError) return error;
    throw error;
  }
  throw new Error('expected a BetzError, but nothing was thrown');
}

export function codeOf(run: () => unknown): string {
  return betzErrorOf(run).code;
}

export async function betzErrorOfAsync(run: () => Promise<unknown>): Promise<BetzError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof BetzError) return error;
    throw error;
  }
  throw new Error('expected a BetzError, but nothing was thrown');
}

/** What `run` returns, or undefined where it throws a BetzError. Anything else that it throws fails the test. */
export function valueOrBetzError<Value>(run: () => Value): Value | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof BetzError) return undefined;
    throw error;
  }
}
