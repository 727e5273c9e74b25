/**
 * Long computations in steps: in one go where nothing else waits, or with a turn for the host between two steps, so that a
 * Ctrl-C is heard in time.
 */

/** A computation that stops now and then, and has its result at the end. */
export type Steps<Result> = Generator<undefined, Result, undefined>;

export function inOneGo<Result>(steps: Steps<Result>): Result {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** @param yieldToHost called between two steps; what it throws ends the computation */
export async function inTurns<Result>(
  steps: Steps<Result>,
  yieldToHost: () => Promise<void>,
): Promise<Result> {
  let step = steps.next();
  while (step.done !== true) {
    await yieldToHost();
    step = steps.next();
  }
  return step.value;
}
