/** `auto` in a session in real time: the quick decoder is in service while a better one is still learned. */
import { afterEach, describe, expect, it } from 'vitest';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import { decodeModel } from '../../src/decoders/model-file.ts';
import { compiledUrl } from '../../src/host/compiled.ts';
import { modelHash } from '../../src/host/model-store.ts';
import { InterimDecoder } from '../../src/runtime/interim-decoder.ts';
import type { JudgedCandidate } from '../../src/runtime/judged-candidate.ts';
import type { LiveCalibrationOptions } from '../../src/runtime/live-calibration-options.ts';
import { generationsOf, startCalibrated, statesOf, TUNED_ARRAY } from '../support/calibrated-sessions.ts';
import type { CalibratedRun } from '../support/calibrated-sessions.ts';
import { untrainedFor } from '../support/decoder-models.ts';
import { runningWorkerCount, workerScript } from '../support/workers.ts';

const BIN_MS = 10;
const SECONDS = 8.5;
const BASE = untrainedFor(simulateRecording(TUNED_ARRAY, 1, BIN_MS));

afterEach(() => {
  expect(runningWorkerCount(), 'threads left').toBe(0);
});

/** A session faster than life, with what its calibration said and gave out. */
interface Followed {
  run: CalibratedRun;
  reasons: string[];
  given: Uint8Array[];
}

/** @param react is told of every transition; the session has to be stopped there */
async function follow(
  options: Partial<LiveCalibrationOptions>,
  react: (run: CalibratedRun, reason: string, state: string) => void,
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
        });
      },
      ...options,
    },
    { source: { kind: 'simulated', config: { array: TUNED_ARRAY, speed: 5, frameCount: 120_000 } } },
  );
  holder.run = run;
  await run.session.done;
  return { run, reasons, given };
}

const stopSoon = ({ session }: CalibratedRun): void => void setTimeout(() => void session.stop(), 200);

/** Hashes in the order in which decoders came into service. */
const promotedHashes = ({ sink }: CalibratedRun): string[] =>
  sink.events.flatMap(({ event }) => (event.kind === 'promoted' ? [event.modelHash] : []));

describe('auto in a session', () => {
  it('has its readout in service while it still fits, and follows it with what is better than that', async () => {
    const { run, reasons, given } = await follow({}, (session, _, state) => {
      if (state === 'rejected' || state === 'promoted') stopSoon(session);
    });
    const states = statesOf(run);
    expect(states.slice(0, 4)).toEqual(['collecting', 'fitting', 'fitting', 'evaluating']);
    expect(reasons[1]).toMatch(/by readout is in service from bin \d+ on; the fit goes on/);
    const { promotedBin, interim, accuracy } = run.calibration.account();
    expect(interim).toBe('readout');
    expect(promotedBin).toBe(generationsOf(run).indexOf(1));
    expect(accuracy[1].binCount).toBeGreaterThan(0);
    expect(given).toHaveLength(1);
    const hashes = promotedHashes(run);
    expect(modelHash(given[0])).toBe(hashes.at(-1));
    expect(run.calibration.modelOf(hashes[0])).toBeDefined();
    const { provenance } = decodeModel(given[0]);
    if (hashes.length === 1) expect(provenance).toMatchObject({ method: 'readout', replaces: 'base' });
    else
      expect(provenance).toMatchObject({
        ...{ method: 'ends', replaces: 'by readout, in this session', replacesSha256: hashes[0] },
      });
  }, 90_000); // the fit comes after everybody else on the machine

  it('leaves it there, and gives it out, when nothing better was found', async () => {
    const { run, reasons, given } = await follow({ fitWorkerUrl: fitWorker('send(interim);') }, stopAtEnd);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'fitting', 'evaluating', 'rejected']);
    expect(reasons.at(-1)).toContain('is in service already');
    expect(given.map(modelHash)).toEqual(promotedHashes(run));
    expect(generationsOf(run).at(-1)).toBe(1);
    expect(run.calibration.account()).toMatchObject({ method: 'readout', verdict: { knownSeconds: 0 } });
  });

  it('judges what follows beside it: no better than it, it is not taken', async () => {
    const same = `send({ ...interim, candidate: { ...interim.candidate, method: 'ends' } });`;
    const { run, given } = await follow({ fitWorkerUrl: fitWorker(same) }, stopAtEnd);
    expect(statesOf(run).at(-1)).toBe('rejected');
    expect(run.calibration.account()).toMatchObject({
      method: 'ends',
      verdict: { decision: 'keep', gain: 0 },
    });
    expect(given.map(modelHash)).toEqual(promotedHashes(run));
    expect(promotedHashes(run)).toHaveLength(1);
  });

  it('gives it out when the fit of the better one is cancelled, or fails', async () => {
    const { run, given } = await follow(
      { fitWorkerUrl: fitWorker('for (;;);') },
      (session, reason, state) => {
        if (reason.includes('in service')) session.calibration.cancel('asked for');
        stopAtEnd(session, reason, state);
      },
    );
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'fitting', 'cancelled']);
    expect(given.map(modelHash)).toEqual(promotedHashes(run));
    const failed = await follow({ fitWorkerUrl: fitWorker('process.exit(1);') }, stopAtEnd);
    expect(statesOf(failed.run).at(-1)).toBe('failed');
    expect(failed.given.map(modelHash)).toEqual(promotedHashes(failed.run));
    expect(generationsOf(failed.run).at(-1)).toBe(1);
  });

  it('is not over the choice of a person who goes back meanwhile', async () => {
    const same = `send({ ...interim, candidate: { ...interim.candidate, method: 'ends' } });`;
    const { run, reasons, given } = await follow(
      { fitWorkerUrl: fitWorker(same) },
      (session, reason, state) => {
        if (reason.includes('in service from')) void session.session.rollback();
        if (state === 'proposed') stopSoon(session);
      },
    );
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'fitting', 'fitting', 'evaluating', 'proposed']);
    expect(reasons[2]).toContain('the decoder before is in service again: asked for');
    expect(generationsOf(run).at(-1)).toBe(0);
    expect(given).toHaveLength(1);
    expect(decodeModel(given[0]).provenance).toMatchObject({ method: 'ends', replaces: 'base' });
  });

  it('comes into service for nobody who decides himself', async () => {
    const options = { autoPromote: false, fitWorkerUrl: fitWorker('send(interim);') };
    const { run } = await follow(options, (session, _, state) => {
      if (state === 'proposed') stopSoon(session);
    });
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed']);
    expect(promotedHashes(run)).toEqual([]);
  });
});

describe('InterimDecoder', () => {
  const judged = { bytes: new Uint8Array(1), calibration: { candidate: { method: 'readout' } } };
  const made = (promote: () => Promise<never>): InterimDecoder =>
    new InterimDecoder(judged as unknown as JudgedCandidate, { promote });

  it('says why a candidate by its own method need not be proposed', async () => {
    const decoder = made(() => Promise.resolve() as Promise<never>);
    expect(decoder.whyNot('readout')).toBeUndefined();
    await decoder.settled;
    expect(decoder.whyNot('readout')).toContain('in service already');
    expect(decoder.whyNot('ends')).toBeUndefined();
    decoder.takeRollback('asked');
    expect(decoder).toMatchObject({ isInService: false });
    expect(decoder.whyNot('readout'), 'a person may want it back').toBeUndefined();
    decoder.takeRollback('nonFinite');
    expect(decoder.whyNot('readout')).toContain('not finite');
  });

  it('is not in service where the session refuses it', async () => {
    const decoder = made(() => Promise.reject(new Error('refused')));
    await decoder.settled;
    expect(decoder.isInService).toBe(false);
    expect(decoder.whyNot('readout')).toBeUndefined();
  });
});

function stopAtEnd(run: CalibratedRun, _: string, state: string): void {
  if (['rejected', 'cancelled', 'failed', 'promoted'].includes(state)) stopSoon(run);
}

/** The readout of our own fit first, and half a second later what `then` does with it. */
function fitWorker(then: string): URL {
  return workerScript(`
    import { workerData } from 'node:worker_threads';
    import { calibrateSession } from ${JSON.stringify(compiledUrl('calibration/session/calibrate-session.js').href)};
    import { createCalibrationHost } from ${JSON.stringify(compiledUrl('host/calibration-host.js').href)};
    import { WorkerPort } from ${JSON.stringify(compiledUrl('runtime/worker-port.js').href)};
    const port = new WorkerPort();
    await port.serve(async () => {
      const { base, recording, options } = workerData;
      const quick = { ...options, method: 'readout' };
      const interim = await calibrateSession(base, recording, quick, createCalibrationHost(1));
      port.post({ kind: 'interim', calibration: interim });
      await new Promise((resolve) => setTimeout(resolve, 500));
      const send = (calibration) => port.post({ kind: 'done', calibration });
      ${then}
    });
  `);
}
