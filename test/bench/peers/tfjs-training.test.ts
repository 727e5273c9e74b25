import { describe, expect, it } from 'vitest';
import { tfjsPeer } from '../../../src/bench/peers/tfjs-training.ts';
import { benchTraining } from '../../../src/bench/training.ts';
import type { TrainingBenchOptions } from '../../../src/bench/training.ts';
import { createOurTraining } from '../../../src/bench/training-contestant.ts';
import { createTrainingSubject } from '../../../src/bench/training-subject.ts';
import { decoderKinds } from '../../../src/decoders/registry.ts';
import { spikingSsm } from '../../../src/decoders/spiking-ssm/index.ts';
import { VARIANTS } from '../../support/kernel-twins.ts';

const TINY: TrainingBenchOptions = {
  kinds: decoderKinds.filter(({ training }) => training === 'gradient'),
  hiddenCount: 9,
  width: 8,
  inputCount: 6,
  batchCount: 3,
  windowBins: 14,
  roundCount: 1,
  threadCounts: [2],
  peers: [tfjsPeer],
  seed: 3,
};
const TRAINING_MS = 60_000;

describe.skipIf(!tfjsPeer.isInstalled())('training in TensorFlow.js', { timeout: TRAINING_MS }, () => {
  it('has our loss and gradient for every kind; one thread of it is compared with one of ours', async () => {
    const rows = await benchTraining(TINY);
    const ours = VARIANTS.map(() => 'betz');
    expect(
      rows.map(({ decoder, program, threadCount }) => `${decoder} ${program.split(' ')[0]} ${threadCount}`),
    ).toEqual(
      TINY.kinds.flatMap(({ name }) => [
        ...ours.map((program) => `${name} ${program} 1`),
        `${name} @tensorflow/tfjs 1`,
        ...ours.map((program) => `${name} ${program} 2`),
      ]),
    );
    for (const { check, decoder, gradientError, ratio } of rows) {
      if (check !== 'betz') continue;
      expect(gradientError, decoder).toBeLessThan(1e-4);
      expect(Object.keys(ratio)).toEqual(VARIANTS);
    }
  });

  it('changes the parameters as we do', async () => {
    const subject = createTrainingSubject(spikingSsm, TINY);
    const peer = await tfjsPeer.create(subject, 1);
    const ours = await createOurTraining(subject, VARIANTS[0], 1);
    const first = (await peer.step()).loss;
    expect(ours.step().loss).toBeCloseTo(first, 5);
    const moved = first - (await peer.step()).loss;
    expect(moved).toBeGreaterThan(0);
    expect(Math.abs(first - ours.step().loss - moved)).toBeLessThan(0.02 * moved);
    peer.close();
    ours.close();
  });
});
