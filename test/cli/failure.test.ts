import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { reportFailure, usageError } from '../../src/cli/failure.ts';
import { BetzError } from '../../src/core/errors.ts';
import { failureOf, jsonOf } from '../support/cli.ts';
import type { CliResult } from '../support/cli.ts';
import { captured } from '../support/cli-in-process.ts';

const report = (error: unknown, isJson = false): Promise<CliResult> =>
  captured(() => reportFailure(error, isJson));

function thrownBy(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

describe('failure of a command', () => {
  it('is told on stderr, with code, value and tip; with --json as one object on stdout too', async () => {
    const error = new BetzError('LOG_FILE_MISSING', 'no file', { value: 'a.mat', tip: 'Look elsewhere.' });
    const stderr = 'error LOG_FILE_MISSING: no file\n  value: a.mat\n  tip: Look elsewhere.\n';
    expect(await report(error)).toEqual({ code: 1, stdout: '', stderr });
    const result = await report(error, true);
    expect(result).toMatchObject({ code: 1, stderr });
    expect(jsonOf(result)).toEqual({
      error: { code: 'LOG_FILE_MISSING', message: 'no file', value: 'a.mat', tip: 'Look elsewhere.' },
    });
  });

  it.each([
    [undefined, ''],
    [0, '  value: 0\n'],
    ['', '  value: ""\n'],
    [['a', 'b'], '  value: ["a","b"]\n'],
    [{ channelCount: 3 }, '  value: {"channelCount":3}\n'],
  ])('shows the value %j', async (value, line) => {
    const { stderr } = await report(
      new BetzError('CFG_SOURCE_CONFIG', 'wrong', { value, tip: 'Change it.' }),
    );
    expect(stderr).toBe(`error CFG_SOURCE_CONFIG: wrong\n${line}  tip: Change it.\n`);
  });

  it('has exit code 2 for mistakes on the command line', async () => {
    expect((await report(usageError('wrong', 1, 'Change it.'))).code).toBe(2);
    expect((await report(new BetzError('DEC_KIND_UNKNOWN', 'unknown', { tip: 'Choose.' }))).code).toBe(2);
  });

  it('is one line also where the parser suggests something', async () => {
    const command = new Command()
      .option('--channels <count>')
      .exitOverride()
      .configureOutput({ outputError: () => undefined });
    const error: unknown = await command
      .parseAsync(['--chanels', '3'], { from: 'user' })
      .catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(CommanderError);
    const result = await report(error);
    expect(result.code).toBe(2);
    expect(failureOf(result).message).toBe("unknown option '--chanels'; did you mean --channels?");
  });

  it('is none when the parser has shown what was asked for', async () => {
    const shown = new CommanderError(0, 'commander.version', '1.2.3');
    expect(await report(shown, true)).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it.each([() => new Float32Array(1e15), () => new ArrayBuffer(2 ** 52)])(
    'is no fault of ours where an array is larger than the memory: %s',
    async (allocate) => {
      const result = await report(thrownBy(allocate));
      expect(result).toMatchObject({ code: 1 });
      expect(failureOf(result)).toMatchObject({ code: 'CFG_MEMORY_EXHAUSTED' });
      const ours = await report(thrownBy(() => new Float32Array(-1)));
      expect(ours.stderr).toMatch(/^error CFG_INTERNAL: /);
    },
  );

  it('keeps the stack of what should not happen', async () => {
    const result = await report(new TypeError('x is undefined'), true);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^error CFG_INTERNAL: .*TypeError: x is undefined\n {4}at /);
    expect(result.stderr).toMatch(/\n {2}tip: Please report this/);
    expect(jsonOf(result)).toMatchObject({ error: { code: 'CFG_INTERNAL' } });
    expect((await report('thrown text')).stderr).toMatch(/thrown text\n {2}tip: /);
  });
});
