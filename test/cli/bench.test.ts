import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { missingPeers, peers } from '../../src/bench/peers/peer-latency.ts';
import { pytorchPeer } from '../../src/bench/peers/pytorch-training.ts';
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
const comparisonReport = z.object({
  machine,
  peersMissing: z.array(z.string()),
  decodersWithoutOnnx: z.array(z.string()),
  rows: z.array(
    z.object({
      decoder: z.string(),
      program: z.string(),
      outputError: z.number(),
      warmUs: times,
      pacedUs: times,
      ratio: z.object({ warmP50: z.number(), pacedP50: z.number(), pacedP99: z.number() }),
    }),
  ),
});
const trainingReport = z.object({
  machine,
  peersMissing: z.array(z.string()),
  rows: z.array(
    z.object({
      decoder: z.string(),
      program: z.string(),
      threadCount: z.int(),
      stepMsMedian: z.number(),
      gradientError: z.number(),
    }),
  ),
});

const closedLoopReport = z.object({
  machine,
  rows: z.array(
    z.object({
      contestant: z.string(),
      seed: z.int(),
      // JSON has no NaN: what never happened is null.
      plateauS: z.number().nullable(),
      successByMinute: z.array(z.number().nullable()).length(4),
      late: z.object({ successRate: z.number(), achievedBitPerS: z.number() }),
    }),
  ),
  summary: z.array(z.object({ contestant: z.string() })),
});

async function benched(...args: string[]): Promise<Record<string, unknown>> {
  const result = await runCli(['bench', ...args, ...SMALL, '--json'], process.cwd()); // it writes no file
  expect(result.code, result.stderr).toBe(0);
  return jsonOf(result);
}

const gradientKinds = decoderKinds.filter(({ training }) => training === 'gradient').map(({ name }) => name);
/** Each that has an int8 form twice. */
const everyKind = [...gradientKinds.flatMap((name) => [name, name]), 'wiener', 'kalman'];

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

  it.concurrent('compares the step with those of other programs, and says which are not here', async () => {
    const args = ['latency', '--steps', '10', '--seconds', '0.05', '--peers', 'tfjs,onnxruntime-node'];
    const report = comparisonReport.parse(await benched(...args));
    expect(report.peersMissing).toEqual(missingPeers());
    const compared = gradientKinds.filter((name) => !report.decodersWithoutOnnx.includes(name));
    const installed = peers.filter(({ name }) => !report.peersMissing.includes(name));
    expect(report.rows.map(({ decoder }) => decoder)).toEqual(
      compared.flatMap((name) => [name, ...installed.map(() => name)]),
    );
    for (const name of compared) {
      const [ours, ...theirs] = report.rows.filter(({ decoder }) => decoder === name);
      expect(ours.program).toMatch(/^betz /);
      for (const { ratio, pacedUs } of theirs) expect(ratio.pacedP50).toBe(pacedUs.p50 / ours.pacedUs.p50);
    }
  });

  it.concurrent('times training with each thread count, gradients checked first', async () => {
    const options = ['--batch', '4', '--bins', '12', '--rounds', '1', '--threads', '1,2'];
    const { rows } = trainingReport.parse(await benched('training', ...options));
    expect(new Set(rows.map(({ decoder }) => decoder))).toEqual(new Set(['gru']));
    expect(new Set(rows.map(({ threadCount }) => threadCount))).toEqual(new Set([1, 2]));
    for (const { gradientError } of rows) expect(gradientError).toBeLessThan(1e-2);
  });

  it.concurrent(
    'times training in PyTorch too, where it is, and of every decoder that is asked for',
    async () => {
      const options = ['--batch', '2', '--bins', '8', '--rounds', '1', '--threads', '1', '--width', '16'];
      const asked = ['--decoder', 'all', '--peers', 'pytorch'];
      const { rows, peersMissing } = trainingReport.parse(await benched('training', ...options, ...asked));
      const hasPytorch = pytorchPeer.isInstalled();
      expect(peersMissing).toEqual(hasPytorch ? [] : ['pytorch']);
      const theirs = rows.filter(({ program }) => program.startsWith('PyTorch'));
      expect(theirs.map(({ decoder }) => decoder)).toEqual(hasPytorch ? gradientKinds : []);
      expect(new Set(rows.map(({ decoder }) => decoder))).toEqual(new Set(gradientKinds));
    },
    60_000,
  );

  it.concurrent('runs sessions in closed loop, and refuses ones too short to judge', async () => {
    const few = ['bench', 'closed-loop', '--channels', '24', '--seeds', '2', '--fit-seconds', '1'];
    const result = await runCli([...few, '--minutes', '4', '--json'], process.cwd());
    expect(result.code, result.stderr).toBe(0);
    const { rows, summary } = closedLoopReport.parse(jsonOf(result));
    const names = ['intention itself', 'kalman, ReFIT', 'kalman, no ReFIT', 'nobody'];
    expect(rows.map(({ contestant }) => contestant)).toEqual([...names, ...names]);
    expect(rows.map(({ seed }) => seed)).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
    expect(summary.map(({ contestant }) => contestant)).toEqual(names);
    const short = await runCli([...few, '--minutes', '3'], process.cwd());
    expect([short.code, short.stderr]).toEqual([2, expect.stringContaining('at least 4 minutes')]);
    const early = await runCli([...few, '--pretrained', 'readout', '--decoder', 'gru'], process.cwd());
    expect([early.code, early.stderr]).toEqual([2, expect.stringContaining('a day from 1 on')]);
  });
});
