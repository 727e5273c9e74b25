import { describe, expect, it } from 'vitest';
import { failureOf, inFolder, jsonOf, runCli } from '../support/cli.ts';
import type { CliFailure } from '../support/cli.ts';
import { runHere } from '../support/cli-in-process.ts';

const MISTAKES: [string, string[]][] = [
  ['an unknown command', ['decode']],
  ['an unknown option', ['run', '--chanels', '3']],
  ['an option without its value', ['run', '--json', '--speed']],
  ['an argument too many', ['run', 'data.mat']],
  ['nothing to calibrate on', ['calibrate']],
  ['nothing to evaluate', ['evaluate', '--model', 'a.model']],
  ['no model to tell of', ['info']],
  ['two models to tell of', ['info', 'a.model', 'b.model']],
  ['an unknown source', ['run', '--source', 'udp']],
  ['a replay of nothing', ['run', '--source', 'replay']],
  ['an option of the other source', ['run', '--from', '80%']],
  ['an option of the other source', ['run', '--recording', 'a.mat', '--day', '2']],
  ['a model and another way to decode', ['run', '--model', 'a.model', '--decoder', 'gru']],
  ['a model and another bin width', ['run', '--model', 'a.model', '--bin-ms', '10']],
  ['a state to load without its model', ['run', '--load-state', 'a.state']],
  ['a state to save without its model', ['run', '--save-state', 'a.state']],
  ['a bad speed', ['run', '--speed', 'fast']],
  ['a bad position', ['run', '--recording', 'a.mat', '--from', '100%']],
  ['a bad duration', ['run', '--duration', '-1']],
  ['a bad seed', ['run', '--seed', '1.5']],
  ['a bad deadline', ['run', '--deadline-ms', '0']],
  ['a bad count', ['run', '--channels', '0x10']],
  ['a bad bin width', ['calibrate', '--recording', 'a.mat', '--bin-ms', 'ten']],
  ['seeds for a fit that has none', ['calibrate', '--recording', 'a', '--decoder', 'wiener', '--seeds', '8']],
  ['steps for a decoder without', ['calibrate', '--recording', 'a', '--decoder', 'kalman', '--steps', '8']],
  ['a bad list', ['bench', 'latency', '--hidden', '64,']],
  ['a program nobody knows', ['bench', 'latency', '--peers', 'onnxruntime-node,torch']],
  ['no program', ['bench', 'latency', '--peers', '']],
  ['a program that does not train', ['bench', 'training', '--peers', 'onnxruntime-node']],
  ['training of a fit', ['bench', 'training', '--decoder', 'gru,wiener']],
  ['no threads', ['bench', 'training', '--threads', '0']],
];

const SIMULATED = ['calibrate', '--model', 'm', '--source', 'simulated'];
const PRETRAIN = ['pretrain', '--source', 'simulated', '--out', 'm'];

/** Beyond what there is: before anything is read, and in the words that were typed. */
const OVERSIZE: [string, string[]][] = [
  ['--duration', ['run']],
  ['--day', ['run']],
  ['--channels', ['run']],
  ['--bin-ms', ['run']],
  ['--day', SIMULATED],
  ['--channels', SIMULATED],
  ['--seconds', SIMULATED],
  ['--seeds', ['calibrate', '--recording', 'a.mat']],
  ['--bin-ms', ['calibrate', '--recording', 'a.mat']],
  ['--channels', PRETRAIN],
  ['--seconds', PRETRAIN],
  ['--bin-ms', PRETRAIN],
  ['--seconds', ['quantize', '--model', 'm', '--out', 'n']],
  ...['inputs', 'hidden', 'steps', 'seconds', 'bin-ms'].map(benched('latency')),
  ...['seconds', 'channels', 'hidden', 'bin-ms'].map(benched('background')),
  ...['channels', 'training-days', 'training-seconds', 'session-seconds', 'seeds'].map(
    benched('calibration'),
  ),
  ...['days', 'channels', 'seconds', 'test-seconds', 'hidden', 'block-seconds'].map(benched('drift')),
  ...['seeds', 'channels', 'day', 'minutes', 'collect', 'visual-delay-ms'].map(benched('closed-loop')),
  ...['hidden', 'inputs', 'batch', 'bins'].map(benched('training')),
  ['--seeds', ['bench', 'stabilization', '--recording', 'a.mat']],
];

function benched(name: string): (option: string) => [string, string[]] {
  return (option) => [`--${option}`, ['bench', name]];
}

/** @returns the error, told once in each form, and nothing else */
async function refusalOf(args: readonly string[]): Promise<CliFailure> {
  const result = await runHere(args.includes('--json') ? args : [...args, '--json']);
  expect(result.code).toBe(2);
  const { error } = jsonOf(result) as { error: CliFailure };
  const { code, message, tip } = error;
  expect(failureOf(result)).toEqual({ code, message, tip });
  expect(result.stderr).toMatch(/^error /);
  return error;
}

describe('a mistake on the command line', () => {
  it.each(MISTAKES)('%s: betz %j', async (_what, args) => {
    expect((await refusalOf(args)).code).toBe('CFG_USAGE');
  });

  it.each([
    ['--chanels', ['run', '--chanels', '3']],
    ['decode', ['bench', 'closed-loop', '--task', 'decode']],
  ])('is told with what was typed: %s in betz %j', async (typed, args) => {
    expect(await refusalOf(args)).toMatchObject({ code: 'CFG_USAGE', value: typed });
  });

  it('shows before a benchmark begins: a setting that its decoder does not have', async () => {
    const result = await runHere(['bench', 'closed-loop', '--set', 'nosuch=1', '--json']);
    expect(jsonOf(result)).toMatchObject({ error: { code: 'DEC_CONFIG_INVALID', value: '{"nosuch":1}' } });
    expect(result.stderr).toMatch(/^error /);
  });

  it.each(OVERSIZE)('more than there is: %s 1e9 of betz %j', async (option, command) => {
    const { code, message, value, tip } = await refusalOf([...command, option, '1e9']);
    expect({ code, value }).toEqual({ code: 'CFG_USAGE', value: '1e9' });
    expect(message).toMatch(/^'1e9' /);
    expect(tip).toMatch(/^Give \d+ at most\.$/);
  });

  it.each([[['run']], [['calibrate', '--recording', 'a.mat']]])(
    'an unknown decoder: betz %j; the tip lists those that there are',
    async (command) => {
      const { code, tip } = await refusalOf([...command, '--decoder', 'lstm']);
      expect(code).toBe('DEC_KIND_UNKNOWN');
      expect(tip).toMatch(/gru.*kalman.*wiener/);
    },
  );
});

describe('a mistake, to the program as a whole', () => {
  it('has exit code 2, and without --json nothing on stdout', () =>
    inFolder(async (cwd) => {
      const result = await runCli(['run', '--chanels', '3'], cwd);
      expect(result).toMatchObject({ code: 2, stdout: '' });
      expect(failureOf(result).message).toBe("unknown option '--chanels'; did you mean --channels?");
      const json = await runCli(['calibrate', '--json'], cwd);
      expect(json.code).toBe(2);
      expect(jsonOf(json)).toMatchObject({ error: { code: 'CFG_USAGE' } });
    }));
});
