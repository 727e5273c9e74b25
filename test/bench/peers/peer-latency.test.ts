import { describe, expect, it } from 'vitest';
import { closedFormSubjects } from '../../../src/bench/closed-form-subjects.ts';
import { gradientSubjects } from '../../../src/bench/gradient-subjects.ts';
import type { BenchSubject } from '../../../src/bench/latency.ts';
import { isPeerInstalled, loadPeer } from '../../../src/bench/peers/load-peer.ts';
import { benchPeers, kindsWithoutOnnx, missingPeers, peers } from '../../../src/bench/peers/peer-latency.ts';
import type { Peer } from '../../../src/bench/peers/peer-latency.ts';
import { ONNXRUNTIME } from '../../../src/bench/peers/onnxruntime-step.ts';
import { betzErrorOf, betzErrorOfAsync } from '../../support/recording-errors.ts';

const SIZES = {
  inputCount: 6,
  hiddenCounts: [4],
  spikeRate: 0.15,
  warmStepCount: 12,
  pacedSeconds: 0.01,
  binMs: 1,
  seed: 1,
};

/** Our own dependency, so that it is found as installed; the step is what the test makes of it. */
function madeUpPeer(step: (features: Float32Array, output: Float32Array) => void): Peer {
  return {
    name: 'made-up',
    packageName: ONNXRUNTIME,
    create: () =>
      Promise.resolve({
        label: 'made-up 1.0',
        step,
        reset: () => undefined,
        dispose: () => Promise.resolve(),
      }),
  };
}

/** One kind is enough to see how the comparison works; steps of all kinds are compared in test/decoders/onnx. */
function grus(): BenchSubject[] {
  return gradientSubjects(SIZES).filter(({ kind }) => kind.name === 'gru');
}

describe('comparison with peers', () => {
  it('times our step and every installed peer, for kinds with an ONNX form', async () => {
    const lines: string[] = [];
    const subjects = [...grus(), ...closedFormSubjects(SIZES)];
    const rows = await benchPeers(subjects, { ...SIZES, onProgress: (line) => lines.push(line) });
    const missing = missingPeers();
    const installed = peers.filter(({ name }) => !missing.includes(name));
    expect(rows).toHaveLength(1 + installed.length);
    expect(rows[0].program).toMatch(/^betz \d/);
    expect(rows[0].outputError).toBe(0);
    for (const { decoder, size, outputError, warmUs, pacedUs, ratio } of rows) {
      expect({ decoder, size }).toEqual({ decoder: 'gru', size: '6-4' });
      expect(outputError).toBeLessThan(1e-4);
      expect(warmUs.count).toBe(15); // in five parts of three
      expect(pacedUs.count).toBe(10);
      expect(warmUs.p50).toBeGreaterThan(0);
      expect(ratio.warmP50).toBe(warmUs.p50 / rows[0].warmUs.p50);
      expect(ratio.pacedP50).toBe(pacedUs.p50 / rows[0].pacedUs.p50);
      expect(ratio.pacedP99).toBe(pacedUs.p99 / rows[0].pacedUs.p99);
    }
    expect(lines).toHaveLength(1);
  });

  it.skipIf(!isPeerInstalled(ONNXRUNTIME))('does not time a peer whose output differs', async () => {
    const wrong = madeUpPeer((_, output) => output.fill(1));
    const error = await betzErrorOfAsync(() => benchPeers(grus(), SIZES, [wrong]));
    expect(error.code).toBe('DEC_PEER_MISMATCH');
    expect(error.message).toContain('made-up 1.0');
  });

  it('names peers that are missing, and goes on without them', async () => {
    const absent: Peer = { ...madeUpPeer(() => undefined), packageName: 'no-such-peer' };
    expect(missingPeers([absent, absent])).toEqual(['made-up']);
    const rows = await benchPeers(grus(), SIZES, [absent]);
    expect(rows.map(({ program }) => program)).toEqual([expect.stringMatching(/^betz /)]);
  });
});

describe('kinds without an ONNX form', () => {
  it('are named once', () => {
    const without = closedFormSubjects(SIZES);
    expect(kindsWithoutOnnx([...grus(), ...without, ...without])).toEqual(['wiener', 'kalman']);
  });
});

describe('a peer', () => {
  it('that is not installed is refused with a code', () => {
    const error = betzErrorOf(() => loadPeer('no-such-peer'));
    expect(error).toMatchObject({ code: 'CFG_PEER_MISSING', value: 'no-such-peer' });
    expect(error.tip).toContain('npm run peers');
  });

  it('is looked for in its own folder only, not among our dependencies', () => {
    expect(isPeerInstalled('vitest')).toBe(false);
    expect(isPeerInstalled('node:fs')).toBe(false);
  });
});
