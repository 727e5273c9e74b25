import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { findPytorchPython, PytorchServer } from '../../../src/bench/peers/pytorch-server.ts';
import { pytorchPeer } from '../../../src/bench/peers/pytorch-training.ts';
import { benchTraining } from '../../../src/bench/training.ts';
import type { TrainingBenchOptions } from '../../../src/bench/training.ts';
import { createOurTraining } from '../../../src/bench/training-contestant.ts';
import { createTrainingSubject } from '../../../src/bench/training-subject.ts';
import { decoderKinds } from '../../../src/decoders/registry.ts';
import { gru } from '../../../src/decoders/gru/index.ts';
import { spikingSsm } from '../../../src/decoders/spiking-ssm/index.ts';
import { inFolder } from '../../support/cli.ts';
import { VARIANTS } from '../../support/kernel-twins.ts';
import { betzErrorOfAsync } from '../../support/recording-errors.ts';

const TINY: TrainingBenchOptions = {
  kinds: decoderKinds.filter(({ training }) => training === 'gradient'),
  hiddenCount: 9,
  width: 8,
  inputCount: 6,
  batchCount: 5,
  windowBins: 70, // longer than the transformer's window
  roundCount: 1,
  threadCounts: [2], // uneven parts of the batch
  peers: [pytorchPeer],
  seed: 3,
};
const PROCESS_MS = 60_000;
const hasPytorch = pytorchPeer.isInstalled();

/** A server of the given lines instead of ours, run by Node: what is tested is our side. */
async function withScript<T>(
  lines: readonly string[],
  use: (server: PytorchServer) => Promise<T>,
): Promise<T> {
  return inFolder(async (folder) => {
    const script = join(folder, 'server.mjs');
    writeFileSync(script, lines.join('\n'));
    const server = new PytorchServer(process.execPath, 1, script);
    try {
      return await use(server);
    } finally {
      server.close();
    }
  });
}

describe.skipIf(!hasPytorch)('training in PyTorch', { timeout: PROCESS_MS }, () => {
  it('has our loss and gradient for every kind, on as many threads, and is timed', async () => {
    const rows = await benchTraining(TINY);
    expect(rows).toHaveLength(TINY.kinds.length * (VARIANTS.length + 1));
    for (const { program, threadCount, check, gradientError, stepMsMedian, decoder, ratio } of rows) {
      if (check !== 'betz') continue;
      expect(program).toMatch(/^PyTorch \d/);
      expect(threadCount).toBe(2);
      expect(gradientError, decoder).toBeLessThan(1e-4);
      expect(stepMsMedian).toBeGreaterThan(0);
      expect(Object.keys(ratio)).toEqual(VARIANTS);
    }
  });

  it('changes the parameters as we do', async () => {
    const subject = createTrainingSubject(spikingSsm, TINY); // it has every kind of update
    const peer = await pytorchPeer.create(subject, 1);
    const ours = await createOurTraining(subject, VARIANTS[0], 1);
    const losses: [number, number][] = [];
    for (let step = 0; step < 6; step++) losses.push([ours.step().loss, (await peer.step()).loss]);
    peer.close();
    ours.close();
    const [first] = losses[0];
    for (const [our, their] of losses.slice(1)) {
      const moved = first - our;
      expect(moved).toBeGreaterThan(0);
      expect(Math.abs(our - their)).toBeLessThan(0.02 * moved);
    }
  });

  it('does not time a program whose gradient differs', async () => {
    const wrong = {
      ...pytorchPeer,
      create: async (...args: Parameters<typeof pytorchPeer.create>) => {
        const peer = await pytorchPeer.create(...args);
        const gradient = peer.first.gradient.map((g) => 1.01 * g);
        return { ...peer, first: { ...peer.first, gradient }, step: () => expect.fail('timed') };
      },
    };
    const error = await betzErrorOfAsync(() => benchTraining({ ...TINY, kinds: [gru], peers: [wrong] }));
    expect(error.code).toBe('CAL_PEER_MISMATCH');
    expect(error.message).toContain('PyTorch');
  });

  it('hands on what goes wrong in Python', async () => {
    const subject = createTrainingSubject(gru, TINY);
    const unknown = { ...subject, plan: { ...subject.plan, kind: 'lstm' } };
    const error = await betzErrorOfAsync(() => pytorchPeer.create(unknown, 1));
    expect(error).toMatchObject({
      code: 'CFG_PEER_BROKEN',
      value: "ModuleNotFoundError: No module named 'lstm'",
    });
  });
});

describe('a program that is not here', () => {
  it('is left out', async () => {
    const absent = { ...pytorchPeer, isInstalled: () => false };
    const rows = await benchTraining({ ...TINY, kinds: [gru], threadCounts: [1], peers: [absent] });
    expect(rows.map(({ check }) => check)).toEqual(VARIANTS.map(() => 'differences'));
  });

  it('is looked for in every Python', () => {
    expect(findPytorchPython(['/no/such/python', process.execPath])).toBeNull();
  });
});

describe('the process of a peer', { timeout: PROCESS_MS }, () => {
  it('answers one line of JSON with another, on the threads it is told, which sleep when they wait', async () => {
    const lines = [
      'import { createInterface } from "node:readline";',
      'const { argv, env } = process;',
      'const told = [argv[2], env.OMP_NUM_THREADS, env.OMP_WAIT_POLICY];',
      'for await (const line of createInterface({ input: process.stdin }))',
      '  console.log(JSON.stringify([JSON.parse(line), ...told]));',
    ];
    vi.stubEnv('OMP_WAIT_POLICY', undefined);
    await withScript(lines, async (server) => {
      expect(await server.ask({ a: 1 })).toEqual([{ a: 1 }, '1', '1', 'PASSIVE']);
      expect(await server.ask({ b: 2 })).toEqual([{ b: 2 }, '1', '1', 'PASSIVE']);
    });
    vi.unstubAllEnvs();
  });

  it.each([
    ['ends', ['console.error("out of memory");', 'process.exit(1);'], 'out of memory'],
    ['ends without a word', [''], 'it ended without a word'],
    ['says something else', ['console.log("hello");', 'process.stdin.resume();'], 'hello'],
  ])('that %s is refused with what it said', async (_what, lines, value) => {
    const error = await withScript(lines, (server) => betzErrorOfAsync(() => server.ask({})));
    expect(error).toMatchObject({ code: 'CFG_PEER_BROKEN', value });
  });

  it('that is not there is refused', async () => {
    const server = new PytorchServer('/no/such/python', 1);
    const error = await betzErrorOfAsync(() => server.ask({}));
    expect(error.code).toBe('CFG_PEER_BROKEN');
    expect(error.value).toContain('/no/such/python');
  });
});
