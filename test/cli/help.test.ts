import { describe, expect, it } from 'vitest';
import { version } from '../../src/host/version.ts';
import { failureOf, runCli } from '../support/cli.ts';
import { runHere } from '../support/cli-in-process.ts';

/** Every command, with the one it belongs to. */
const COMMANDS = [
  '',
  'run',
  'pretrain',
  'calibrate',
  'evaluate',
  'info',
  'quantize',
  'import',
  'export',
  'bench',
  'bench latency',
  'bench training',
  'bench calibration',
  'bench background',
  'bench closed-loop',
  'bench drift',
  'bench stabilization',
];

const wordsOf = (command: string): string[] => command.split(' ').filter((word) => word !== '');

describe('help', () => {
  it.each(COMMANDS)('of betz %s has an example', async (command) => {
    const { code, stdout, stderr } = await runHere([...wordsOf(command), '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: ${['betz', ...wordsOf(command)].join(' ')} `));
    expect(stdout, 'no default value that cannot be typed').not.toMatch(/default: .*[{[]/);
    expect(stdout).toMatch(new RegExp(`Examples?:\\n {2}\\$ betz ${command}`));
  });

  it('lists every command', async () => {
    const top = await runHere(['--help']);
    const bench = await runHere(['help', 'bench']);
    for (const command of COMMANDS.filter((name) => name !== '')) {
      const { stdout } = command.startsWith('bench ') ? bench : top;
      expect(stdout).toMatch(new RegExp(`^ {2}${command.replace('bench ', '')} `, 'm'));
    }
  });

  it.each([[[]], [['bench']], [['help', 'nonsense']]])(
    'is given, as a mistake, for betz %j',
    async (words) => {
      const result = await runHere(words);
      expect(result).toMatchObject({ code: 2, stdout: '' });
      expect(result.stderr).toMatch(/^Usage: betz /);
      expect(failureOf(result)).toMatchObject({
        code: 'CFG_USAGE',
        message: 'no known command was given',
      });
    },
  );

  it('comes from the program itself, and the version too', async () => {
    const help = await runCli(['--help'], process.cwd());
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/^Usage: betz /);
    const told = await runCli(['--version'], process.cwd());
    expect(told).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});
