import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decoderKinds } from '../../src/decoders/registry.ts';
import { jsonOf, runCli } from '../support/cli.ts';

const SMALL = ['--hidden', '8', '--inputs', '8'];
const machine = z.object({ cpu: z.string(), node: z.literal(process.version), kernels: z.string() });
const times = z.object({
  count: z.int(),
  p50: z.number(),
  p90: z.number(),
  p99: z.number(),
  p999: z.number(),
  max: z.number(),
});
const latencyReport = z.object({
  machine,
  rows: z.array(
    z.object({ decoder: z.string(), warmUs: times, pacedUs: times, pacedWarmedUs: times, size: z.string() }),
  ),
});
const trainingReport = z.object({
  machine,
  rows: z.array(
    z.object({
      variant: z.string(),
      threadCount: z.int(),
      stepMsMedian: z.number(),
      gradientError: z.number(),
    }),
  ),
});

async function benched(...args: string[]): Promise<Record<string, unknown>> {
  const result = await runCli(['bench', ...args, ...SMALL, '--json'], process.cwd()); // it writes no file
  expect(result.code, result.stderr).toBe(0);
  return jsonOf(result);
}

/** Each that has an int8 form twice. */
const everyKind = [
  ...decoderKinds.filter(({ training }) => training === 'gradient').flatMap(({ name }) => [name, name]),
  'wiener',
  'kalman',
];

describe('betz bench', () => {
  it.concurrent('times a step of every decoder, and says on what machine', async () => {
    const { rows } = latencyReport.parse(await benched('latency', '--steps', '100', '--seconds', '0.05'));
    expect(rows.map(({ decoder }) => decoder)).toEqual(everyKind);
    for (const { warmUs, pacedUs, pacedWarmedUs } of rows) {
      expect([warmUs.count, pacedUs.count, pacedWarmedUs.count]).toEqual([100, 5, 5]);
      for (const { p50, p90, p99, p999, max } of [warmUs, pacedUs, pacedWarmedUs])
        expect([p50, p90, p99, p999, max]).toEqual([p50, p90, p99, p999, max].sort((a, b) => a - b));
    }
  });

  it.concurrent('times training with each thread count, gradients checked first', async () => {
    const options = ['--batch', '4', '--bins', '12', '--rounds', '1', '--threads', '1,2'];
    const { rows } = trainingReport.parse(await benched('training', ...options));
    expect(new Set(rows.map(({ threadCount }) => threadCount))).toEqual(new Set([1, 2]));
    for (const { gradientError } of rows) expect(gradientError).toBeLessThan(1e-2);
  });
});
