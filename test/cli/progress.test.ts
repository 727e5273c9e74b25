import { describe, expect, it } from 'vitest';
import { startProgress } from '../../src/cli/progress.ts';
import type { Progress } from '../../src/cli/progress.ts';
import { captured } from '../support/cli-in-process.ts';

/** Lines that a progress writes; the test runner gives its processes no terminal. */
async function linesOf(use: (progress: Progress) => void): Promise<string[]> {
  const { stdout, stderr } = await captured(() => {
    use(startProgress('calibrating gru'));
    return 0;
  });
  expect(stdout).toBe('');
  return stderr.split('\n').slice(0, -1);
}

describe('progress without a terminal', () => {
  it('is a line for each quarter of the work, with what is known by then', async () => {
    const lines = await linesOf((progress) => {
      for (let step = 1; step <= 100; step++) progress.update(step / 100, `step ${step}`);
      progress.stop();
    });
    expect(lines).toHaveLength(4);
    [25, 50, 75, 100].forEach((percent, i) => {
      const expected = new RegExp(`^calibrating gru ${percent} %  \\d+ s left  step ${percent}$`);
      expect(lines[i]).toMatch(expected);
    });
  });

  it('does not catch up on quarters that were leapt over', async () => {
    const lines = await linesOf((progress) => {
      for (const share of [0.1, 0.6, 0.7, 0.74, 0.75, 1]) progress.update(share, '');
    });
    expect(lines.map((line) => /\d+ %/.exec(line)?.[0])).toEqual(['60 %', '75 %', '100 %']);
  });

  it('is silent for work that cannot tell how far it is, and once it has stopped', async () => {
    const lines = await linesOf((progress) => {
      progress.stop();
      progress.stop();
      progress.update(1, '');
    });
    expect(lines).toEqual([]);
  });
});
