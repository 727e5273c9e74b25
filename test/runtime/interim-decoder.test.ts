/** `auto` in a session in real time: the quick decoder is in service while a better one is still learned. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import { decodeModel } from '../../src/decoders/model-file.ts';
import { modelHash } from '../../src/host/model-store.ts';
import { InterimDecoder } from '../../src/runtime/interim-decoder.ts';
import type { JudgedCandidate } from '../../src/runtime/judged-candidate.ts';
import type { LiveCalibrationOptions } from '../../src/runtime/live-calibration-options.ts';
import {
  expectWhole,
  generationsOf,
  startCalibrated,
  statesOf,
  TUNED_ARRAY,
} from '../support/calibrated-sessions.ts';
import type { CalibratedRun } from '../support/calibrated-sessions.ts';
import { untrainedFor } from '../support/decoder-models.ts';
import { fitWorker, holdFits, letFitsGo } from '../support/held-fits.ts';
import { until } from '../support/until.ts';
import { runningWorkerCount } from '../support/workers.ts';

const BIN_MS = 10;
const SECONDS = 8.5;
const BASE = untrainedFor(simulateRecording(TUNED_ARRAY, 1, BIN_MS));

beforeEach(() => {
  holdFits();
});
afterEach(() => {
  expect(runningWorkerCount(), 'threads left').toBe(0);
});

/** A session faster than life and without an end, with what its calibration said and gave out. */
interface Followed {
  run: CalibratedRun;
  reasons: string[];
  given: Uint8Array[];
}

interface Course {
  /** Done before the fit may tell of its interim candidate. */
  begin?: (run: CalibratedRun) => Promise<void>;
  /** Whether the fit may go on after its interim candidate, by the states so far. */
  mayEnd?: (states: readonly string[]) => boolean;
}

/** @param react is told of every transition; the session has to be stopped there */
async function follow(
  options: Partial<LiveCalibrationOptions>,
  react: (run: CalibratedRun, reason: string, state: string) => void,
  { begin = () => Promise.resolve(), mayEnd = (states) => states.includes('interim') }: Course = {},
): Promise<Followed> {
  const holder: { run?: CalibratedRun } = {};
  const reasons: string[] = [];
  const given: Uint8Array[] = [];
  const run = await startCalibrated(
    {
      ...{ base: BASE, seconds: SECONDS, method: 'auto', autoPromote: true },
      onProposal: (bytes) => given.push(bytes),
      onTransition: ({ state, reason }) => {
        reasons.push(reason);
        setTimeout(() => {
          react(holder.run!, reason, state);
          if (mayEnd(statesOf(holder.run!))) letFitsGo(2);
        });
      },
      ...options,
    },
    { source: { kind: 'simulated', config: { array: TUNED_ARRAY, speed: 5 } } },
  );
  holder.run = run;
  await begin(run);
  letFitsGo(1);
  await run.session.done;
  return { run, reasons, given };
}

/** When a hundred more bins are in the sink, so that the decoder now in service has decoded some of them. */
const stopSoon = ({ session, sink }: CalibratedRun): void => {
  const { length } = sink.records;
  void until(() => sink.records.length >= length + 100).then(() => session.stop());
};

const stopAtEnd = (run: CalibratedRun, _: string, state: string): void => {
  if (state === 'promoted') stopSoon(run);
};

/** The interim decoder was in service, and a person has gone back. */
const isTakenOut = (states: readonly string[]): boolean =>
  states.lastIndexOf('fitting') > states.indexOf('interim') && states.includes('interim');

/** Hashes in the order in which decoders came into service. */
const promotedHashes = ({ sink }: CalibratedRun): string[] =>
  sink.events.flatMap(({ event }) => (event.kind === 'promoted' ? [event.modelHash] : []));

/** The readout again, by another name, and as good. */
const SAME = `send({ ...interim, candidate: { ...interim.candidate, method: 'ends' } });`;
/** The same with the best figures that there are. */
const BETTER = `
  const { metrics, blockR2 } = interim.candidate.scores;
  const scores = { ...interim.candidate.scores, metrics: { ...metrics, r2Mean: 1 }, blockR2: blockR2.map(() => 1) };
  send({ ...interim, candidate: { ...interim.candidate, method: 'ends', scores } });`;
const DIES = 'process.exit(1);';

describe('auto in a session', () => {
  it('has its readout in service while it still fits, and ends with one in service', async () => {
    const { run, reasons, given } = await follow({}, stopAtEnd);
    expect(statesOf(run).slice(0, 4)).toEqual(['collecting', 'fitting', 'interim', 'evaluating']);
    expect(statesOf(run).at(-1)).toBe('promoted');
    expect(reasons[1]).toMatch(
      /^by readout, in service from bin \d+ on; the fit goes on\. Use the new decoder/,
    );
    const hashes = promotedHashes(run);
    const { promotedBin, accuracy } = run.calibration.account();
    expect(promotedBin, 'of the last').toBe(generationsOf(run).indexOf(hashes.length));
    expect(accuracy).toHaveLength(hashes.length + 1);
    expect(given.map(modelHash)).toEqual([hashes.at(-1)]);
    for (const hash of hashes) expect(run.calibration.modelOf(hash)).toBeDefined();
  });

  it('follows it with what is better, which is judged beside it and replaces it', async () => {
    const { run, given } = await follow({ fitWorkerUrl: fitWorker(BETTER) }, stopAtEnd);
    expect(statesOf(run).slice(2)).toEqual(['interim', 'evaluating', 'proposed', 'promoted']);
    const [readout, ends] = promotedHashes(run);
    expect(given.map(modelHash)).toEqual([ends]);
    expect(decodeModel(given[0]).provenance).toMatchObject({
      ...{ method: 'ends', replaces: 'by readout, in this session', replacesSha256: readout },
    });
    expect(run.calibration.account()).toMatchObject({
      ...{ method: 'ends', promotedBin: generationsOf(run).indexOf(2), isHandedOut: true },
    });
  });

  it.each([
    ['nothing better was found', 'send(interim);', /and is in service already$/],
    [
      'what was to follow failed',
      `send({ ...interim, failed: { method: 'ends', code: 'CAL_DIVERGED', reason: 'why' } });`,
      /is in service already; the fit by ends, .* failed and is left out: CAL_DIVERGED, why$/,
    ],
  ])('leaves it there, and gives it out, when %s', async (_, then, reason) => {
    const { run, reasons, given } = await follow({ fitWorkerUrl: fitWorker(then) }, stopAtEnd);
    expect(statesOf(run).slice(2)).toEqual(['interim', 'evaluating', 'rejected', 'promoted']);
    expect(reasons.at(-2)).toMatch(reason);
    expect(reasons.at(-1)).toContain('the decoder by readout stays in service');
    expect(given.map(modelHash)).toEqual(promotedHashes(run));
    expect(decodeModel(given[0]).provenance).toMatchObject({ method: 'readout', replaces: 'base' });
    expect(generationsOf(run).at(-1)).toBe(1);
  });

  it('takes nothing that is no better than it', async () => {
    const { run, reasons, given } = await follow({ fitWorkerUrl: fitWorker(SAME) }, stopAtEnd);
    expect(statesOf(run).slice(2)).toEqual(['interim', 'evaluating', 'rejected', 'promoted']);
    expect(reasons.at(-2)).toMatch(/^Keep the decoder in service: .* level with/);
    expect(promotedHashes(run)).toHaveLength(1);
    expect(given.map(modelHash)).toEqual(promotedHashes(run));
    expect(run.calibration.account()).toMatchObject({
      ...{ method: 'readout', promotedBin: generationsOf(run).indexOf(1) },
    });
  });

  it('gives it out when the fit of the better one is cancelled', async () => {
    const { run, reasons, given } = await follow(
      { fitWorkerUrl: fitWorker('for (;;);') },
      (one, reason, state) => {
        if (state === 'interim') one.calibration.cancel('asked for');
        stopAtEnd(one, reason, state);
      },
    );
    expect(statesOf(run).slice(2)).toEqual(['interim', 'cancelled', 'promoted']);
    expect(reasons.at(-1)).toBe('the fit was cancelled: asked for; the decoder by readout stays in service');
    expect(given.map(modelHash)).toEqual(promotedHashes(run));
  });

  it.each<[string, Course]>([
    ['while it decodes', {}],
    ['before it does', { mayEnd: () => true }],
  ])('gives it out when the fit dies %s', async (_, course) => {
    const { run, reasons, given } = await follow({ fitWorkerUrl: fitWorker(DIES) }, stopAtEnd, course);
    expect(statesOf(run).slice(-2)).toEqual(['failed', 'promoted']);
    expect(reasons.at(-1)).toMatch(/^CAL_FIT_WORKER_DIED .*; the decoder by readout stays in service$/);
    expect(given.map(modelHash)).toEqual(promotedHashes(run));
    expect(generationsOf(run).at(-1)).toBe(1);
  });

  it('is not over the choice of a person who goes back meanwhile', async () => {
    const react = (one: CalibratedRun, _: string, state: string): void => {
      if (state === 'interim') void one.session.rollback();
      if (state === 'proposed') stopSoon(one);
    };
    const { run, reasons, given } = await follow({ fitWorkerUrl: fitWorker(SAME) }, react, {
      mayEnd: isTakenOut,
    });
    expect(statesOf(run).slice(2)).toEqual(['interim', 'fitting', 'evaluating', 'proposed']);
    expect(reasons[2]).toContain('the decoder before is in service again: asked for');
    expect(generationsOf(run).at(-1)).toBe(0);
    expect(given).toHaveLength(1);
    expect(decodeModel(given[0]).provenance).toMatchObject({ method: 'ends', replaces: 'base' });
  });

  it('can be put back by a person who had taken it out, when nothing followed it', async () => {
    const react = (one: CalibratedRun, _: string, state: string): void => {
      if (state === 'interim') void one.session.rollback();
      if (state === 'rolledBack') void one.calibration.promote();
      if (state === 'promoted') stopSoon(one);
    };
    const { run, given } = await follow({ fitWorkerUrl: fitWorker(DIES) }, react, { mayEnd: isTakenOut });
    expect(statesOf(run).slice(2)).toEqual(['interim', 'fitting', 'failed', 'rolledBack', 'promoted']);
    expect(generationsOf(run).at(-1)).toBe(2);
    expect(given.map(modelHash)).toEqual([promotedHashes(run).at(-1)]);
  });

  it('is what is given out last, when a rollback brings it back after its better', async () => {
    const { run, given } = await follow({ fitWorkerUrl: fitWorker(BETTER) }, (one, _, state) => {
      if (state === 'promoted') void one.session.rollback();
      if (state === 'rolledBack') stopSoon(one);
    });
    expect(statesOf(run).at(-1)).toBe('rolledBack');
    const [readout, ends] = promotedHashes(run);
    expect(given.map(modelHash)).toEqual([ends, readout]);
  });

  it('is one step of the way back to what the session began with', async () => {
    const { run, given } = await follow({ fitWorkerUrl: fitWorker(BETTER) }, (one, _, state) => {
      if (state === 'promoted') void one.session.rollback();
      if (state !== 'rolledBack') return;
      if (one.session.canRollBack) void one.session.rollback();
      else stopSoon(one);
    });
    expect(statesOf(run).slice(-3), 'each is told').toEqual(['promoted', 'rolledBack', 'rolledBack']);
    expect(generationsOf(run).filter((each, bin, all) => each !== all[bin - 1])).toEqual([0, 1, 2, 1, 0]);
    const [, ends] = promotedHashes(run);
    expect(given.map(modelHash), 'what a person may still want').toEqual([ends]);
  });

  it.each([
    ['asked', 'asked', true],
    ['asked', 'nonFinite', true],
    ['nonFinite', 'asked', false],
  ] as const)(
    'rolled back %s and then %s: its better can be put back: %s',
    async (first, then, isExpected) => {
      let isPromotable: boolean | undefined;
      await follow({ fitWorkerUrl: fitWorker(BETTER) }, (one, _, state) => {
        if (state !== 'promoted') return;
        // As the session would tell it, of decoders that give such numbers.
        for (const reason of [first, then])
          one.calibration.writeEvent({
            event: { kind: 'rolledBack', reason, binIndex: 2000, generation: 0 },
            timeNs: 0,
          });
        ({ isPromotable } = one.calibration);
        stopSoon(one);
      });
      expect(isPromotable).toBe(isExpected);
    },
  );

  it('does not come into service over the choice of a person who has gone back before', async () => {
    const other = { ...BASE, tensors: { ...BASE.tensors } };
    const { run } = await follow(
      { fitWorkerUrl: fitWorker(SAME) },
      (one, _, state) => {
        if (state === 'proposed') stopSoon(one);
      },
      {
        begin: async ({ session }) => {
          await session.promote(other);
          await session.rollback();
        },
        mayEnd: () => true,
      },
    );
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed']);
    expect(promotedHashes(run)).toHaveLength(1);
  });

  it.each<[string, string, Partial<LiveCalibrationOptions>]>([
    ['a person decides', '', { autoPromote: false }],
    ['it is no better', 'interim.candidate.scores = interim.inService;', {}],
  ])('does not come into service when %s', async (_, first, options) => {
    const { run } = await follow(
      { fitWorkerUrl: fitWorker(SAME, first), ...options },
      (one, __, state) => {
        if (state === 'proposed' || state === 'rejected') stopSoon(one);
      },
      { mayEnd: () => true },
    );
    expect(statesOf(run)).not.toContain('interim');
    expect(promotedHashes(run)).toEqual([]);
  });
});

it('an unpaced session, which waits for the fit, has no interim decoder', async () => {
  letFitsGo(2);
  const run = await startCalibrated({ method: 'auto', autoPromote: true, fitWorkerUrl: fitWorker(SAME) });
  await expectWhole(run);
  expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed', 'promoted']);
});

describe('InterimDecoder', () => {
  const judged = { bytes: new Uint8Array(1), calibration: { candidate: { method: 'readout' } } };
  const pending = (): Promise<never> => new Promise(() => undefined);
  const made = (promote: () => Promise<never>): InterimDecoder =>
    new InterimDecoder(judged as unknown as JudgedCandidate, { promote });

  it('is no candidate again while it is in service, nor once it gave numbers that are not finite', () => {
    const decoder = made(pending);
    expect(decoder.whyNot('readout', false), 'a person took it out, and may want it back').toBeUndefined();
    expect(decoder.whyNot('readout', true)).toContain('in service already');
    expect(decoder.whyNot('ends', true)).toBeUndefined();
    decoder.isUnusable = true;
    expect(decoder.whyNot('readout', false)).toContain('not finite');
  });

  it.each<[string, () => Promise<never>, 'takePromotion' | 'end' | undefined, boolean]>([
    ['refused', () => Promise.reject(new Error('refused')), undefined, false],
    ['in service', pending, 'takePromotion', true],
    ['left over at the end', pending, 'end', false],
  ])('is settled when it is %s', async (_, promote, happens, wasInService) => {
    const decoder = made(promote);
    if (happens !== undefined) decoder[happens]();
    await decoder.settled;
    expect(decoder.wasInService).toBe(wasInService);
  });
});
