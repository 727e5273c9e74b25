import { describe, expect, it } from 'vitest';
import { assert, BetzError } from '../../src/core/errors.ts';

describe('BetzError', () => {
  it('is an error with a code, the bad value and a tip', () => {
    const cause = new Error('ENOENT');
    const error = new BetzError('LOG_FILE_MISSING', "there is no file 'a'", {
      value: 'a',
      tip: 'Check the path.',
      cause,
    });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'BetzError',
      code: 'LOG_FILE_MISSING',
      value: 'a',
      tip: 'Check the path.',
    });
    expect(error.cause).toBe(cause);
    expect(String(error)).toBe("BetzError: there is no file 'a'");
  });

  it('has no cause where none was given', () => {
    expect('cause' in new BetzError('CFG_INTERNAL', 'bad', { tip: 'Report it.' })).toBe(false);
  });

  it('becomes JSON of what a program needs, without stack and cause', () => {
    const error = new BetzError('DEC_BIN_MISMATCH', 'no', {
      value: 3,
      tip: 'Calibrate.',
      cause: new Error('x'),
    });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: 'DEC_BIN_MISMATCH',
      message: 'no',
      value: 3,
      tip: 'Calibrate.',
    });
  });
});

describe('assert', () => {
  it('lets through what holds, and throws a plain error where it does not', () => {
    assert(true, 'nothing happens');
    const fail = (): void => {
      assert(Number.isNaN(1), 'one is no number');
    };
    expect(fail).toThrow('assertion failed: one is no number');
    expect(fail).not.toThrow(BetzError);
  });
});
