import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refuseLatents, refuseRank } from '../../src/cli/refuse-oversize.ts';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { decoderKinds, findDecoderKind } from '../../src/decoders/registry.ts';
import { writeModelFile } from '../../src/host/model-store.ts';
import { SMALL, writeSmallRecording } from '../support/cli-files.ts';
import { runHere } from '../support/cli-in-process.ts';
import { failureOf, inFolder, jsonOf, listing } from '../support/cli.ts';
import { randomModel } from '../support/decoder-models.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

/** 5 inputs, 8 hidden units: gates of [24 x 5] and [24 x 8]. */
const model = randomModel(findDecoderKind('gru'), { inputCount: 5, outputCount: 2 }, { hiddenCount: 8 }, 1);

describe('sizes that are asked for', () => {
  it('may be all that there is', () => {
    refuseLatents(undefined, 12);
    refuseLatents(12, 12);
    refuseRank(undefined, model);
    refuseRank(8, model);
  });

  it.each(decoderKinds.filter(({ training }) => training === 'gradient'))('are known of $name', (kind) => {
    const some = randomModel(kind, { inputCount: 12, outputCount: 2 }, {}, 1);
    refuseRank(4, some);
    refuseRank(4, quantiseModel(some));
    const { tip } = betzErrorOf(() => {
      refuseRank(1e9, quantiseModel(some));
    });
    expect(tip).toMatch(/^Give \d+ at most/);
  });

  it('are no matter of kinds in closed form, which have no changes of low rank', () => {
    refuseRank(1e9, randomModel(findDecoderKind('wiener'), { inputCount: 5, outputCount: 2 }, {}, 1));
    refuseRank(1e9, randomModel(findDecoderKind('kalman'), { inputCount: 5, outputCount: 2 }, {}, 1));
  });

  it('are refused beyond that, with what was typed', () => {
    const latents = betzErrorOf(() => {
      refuseLatents(13, 12);
    });
    expect(latents).toMatchObject({ code: 'CFG_USAGE', value: 13 });
    expect(latents.tip).toContain('12 at most');
    const rank = betzErrorOf(() => {
      refuseRank(9, model);
    });
    expect(rank).toMatchObject({ code: 'CFG_USAGE', value: 9 });
    expect(rank.tip).toContain('8 at most');
  });

  it('are refused by betz calibrate before anything is written', () =>
    inFolder(async (cwd) => {
      writeSmallRecording(join(cwd, 'a.mat'));
      const latents = ['calibrate', '--recording', 'a.mat', '--latents', '1e9', '--json'];
      const result = await runHere(latents, cwd);
      expect(result.code).toBe(2);
      const { message, tip } = failureOf(result);
      expect(message).toContain(`--latents asks for more latents than the ${SMALL.channelCount} channels `);
      expect(tip).toBe(`Give ${SMALL.channelCount} at most.`);
      expect(jsonOf(result)).toEqual({ error: { code: 'CFG_USAGE', message, value: 1e9, tip } });
      expect(listing(cwd)).toEqual(['a.mat']);
    }));

  it('are refused by betz calibrate --model, with the rank that the model can have', () =>
    inFolder(async (cwd) => {
      writeModelFile(join(cwd, 'm'), model);
      const day = ['--source', 'simulated', '--channels', '5', '--seconds', '10', '--method', 'lora'];
      const result = await runHere(['calibrate', '--model', 'm', ...day, '--rank', '1e9', '--json'], cwd);
      expect(result.code).toBe(2);
      const { message, tip } = failureOf(result);
      expect(message).toMatch(/^--rank asks for changes of a higher rank than any matrix .*, 8$/);
      expect(tip).toMatch(/^Give 8 at most/);
      expect(jsonOf(result)).toEqual({ error: { code: 'CFG_USAGE', message, value: 1e9, tip } });
      expect(listing(cwd)).toEqual(['m']);
    }));

  it('are refused by betz pretrain before anything is written', () =>
    inFolder(async (cwd) => {
      const days = ['--source', 'simulated', '--channels', '12', '--seconds', '12', '--days', '0'];
      const result = await runHere(['pretrain', ...days, '--latents', '1000000000', '--out', 'm'], cwd);
      expect(result.code).toBe(2);
      expect(failureOf(result).message).toContain('the 12 channels');
      expect(listing(cwd)).toEqual([]);
    }));
});
