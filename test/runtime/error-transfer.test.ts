import { describe, expect, it } from 'vitest';
import { BetzError } from '../../src/core/errors.ts';
import { restoreError, transferError, workerDied } from '../../src/runtime/error-transfer.ts';

const DIED = 'IPC_SOURCE_WORKER_DIED';

/** By way of a thread border. */
function cross(error: unknown): BetzError {
  return restoreError(structuredClone(transferError(error)), DIED);
}

describe('errors across a thread border', () => {
  it.each([['x'], [3], [undefined], [{ path: 'a', sizes: [1, 2] }], [null]])(
    'keep code, message, tip and a plain value: %j',
    (value) => {
      const error = new BetzError('ACQ_RING_LAYOUT', 'it does not fit', { value, tip: 'Make it fit.' });
      const crossed = cross(error);
      expect(crossed).toBeInstanceOf(BetzError);
      expect(crossed.toJSON()).toEqual(error.toJSON());
      expect(crossed.cause).toMatchObject({ message: 'it does not fit', stack: error.stack });
    },
  );

  it('give a value that cannot cross as text', () => {
    const value = (): number => 1;
    const crossed = cross(new BetzError('ACQ_RING_LAYOUT', 'bad', { value, tip: 'None.' }));
    expect(crossed.value).toBe(String(value));
  });

  it.each([
    [new TypeError('x is undefined'), 'x is undefined'],
    ['only text', 'only text'],
    [undefined, 'undefined'],
  ])('that nobody foresaw count as the death of the worker: %s', (thrown, reason) => {
    const crossed = cross(thrown);
    expect(crossed).toMatchObject({ code: DIED, value: reason });
    expect(crossed.message).toContain(reason);
    expect(crossed.cause).toMatchObject({ message: reason });
    expect(workerDied(DIED, reason).toJSON()).toEqual(crossed.toJSON());
  });
});
