/** What can go wrong with a calibration of a running session: each time an error with a code, and a session that is as it was. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BinnedRecording } from '../../src/core/recording.ts';
import { decodeModel } from '../../src/decoders/model-file.ts';
import { compiledUrl } from '../../src/host/compiled.ts';
import {
  BASE,
  expectWhole,
  generationsOf,
  RECORDING,
  startCalibrated,
  statesOf,
} from '../support/calibrated-sessions.ts';
import type { CalibratedRun } from '../support/calibrated-sessions.ts';
import { withHugeReadout } from '../support/decoder-models.ts';
import { fitWorker as heldFit, letFitsGo } from '../support/held-fits.ts';
import { betzErrorOfAsync } from '../support/recording-errors.ts';
import { withChannels } from '../support/session-days.ts';
import { offlineOutputs } from '../support/sessions.ts';
import { runningWorkerCount, workerScript } from '../support/workers.ts';

const COUNT = RECORDING.channels.length;
const PLACES = Array.from({ length: COUNT }, (_, i) => i);

afterEach(() => {
  expect(runningWorkerCount(), 'threads left').toBe(0);
});

function relabelled(rename: (label: string, place: number) => string): BinnedRecording {
  const channels = RECORDING.channels.map(({ label, unit }, place) => ({
    label: rename(label, place),
    unit,
  }));
  return { ...RECORDING, channels };
}

describe('a source that is not what the model was made for', () => {
  it.each<[string, BinnedRecording, string, string]>([
    ['lacks channels', withChannels(RECORDING, PLACES.slice(3)), 'DEC_CHANNEL_COUNT_MISMATCH', '12 channels'],
    [
      'has others in their place',
      relabelled((label, place) => (place === 4 ? 'new' : label)),
      'CAL_CHANNELS_UNMATCHED',
      "'new', where the model has 'c4'",
    ],
    [
      'has them in another order',
      withChannels(RECORDING, [1, 0, ...PLACES.slice(2)]),
      'CAL_CHANNELS_UNMATCHED',
      "channel 1 of the source is 'c1'",
    ],
    ['has none of them', relabelled((label) => `other ${label}`), 'CAL_CHANNELS_UNMATCHED', "'other c0'"],
    ['has other bins', { ...RECORDING, binMs: 40 }, 'DEC_BIN_MISMATCH', '50 ms'],
  ])('because it %s is refused before the session begins', async (_, data, code, text) => {
    const error = await betzErrorOfAsync(() => startCalibrated({ autoPromote: true }, { data }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
  });
});

describe('a fit that goes wrong', () => {
  let expected: number[][] = [];
  beforeAll(() => {
    expected = offlineOutputs(BASE, RECORDING, { startBin: 0, endBin: RECORDING.binCount });
  });

  /** As if nobody had tried to calibrate, bit for bit. */
  function expectUntouched(run: CalibratedRun, outputs = expected): void {
    expect(new Set(generationsOf(run))).toEqual(new Set([0]));
    expect(run.sink.records.map(({ output }) => [...output])).toEqual(outputs);
  }

  it('because its loss overflows fails, and touches nothing', async () => {
    const base = withHugeReadout(BASE);
    const run = await startCalibrated({ base, method: 'full', autoPromote: true });
    await expectWhole(run);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'failed']);
    expect(run.calibration.account().states[2].code).toBe('CAL_DIVERGED');
    expectUntouched(run, offlineOutputs(base, RECORDING, { startBin: 0, endBin: RECORDING.binCount }));
  });

  it('after the readout of auto is known leaves the readout to be proposed, and says why it stands alone', async () => {
    const run = await startCalibrated({ base: withHugeReadout(BASE), method: 'auto' });
    await expectWhole(run);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed']);
    const { states, method } = run.calibration.account();
    expect(method).toBe('readout');
    expect(states[3].reason).toMatch(/^Use the new decoder: .* the fit by ends, which was to follow, failed/);
    expect(states[3].reason).toContain('CAL_DIVERGED, training diverged at step ');
  });

  it.each<[string, string, string, boolean]>([
    ['exits', 'process.exit(1);', 'CAL_FIT_WORKER_DIED, the fit ended unexpectedly: exit code 1', false],
    ['exits', 'process.exit(1);', 'CAL_FIT_WORKER_DIED, the fit ended unexpectedly: exit code 1', true],
    [
      'gives what cannot be written',
      `const broken = structuredClone(interim.candidate);
      broken.method = 'ends';
      broken.model.tensors['readout.bias'].data[0] = NaN;
      send({ ...interim, candidate: broken, tried: [interim.candidate, broken] });`,
      'DEC_MODEL_VALUE_NOT_FINITE, ',
      false,
    ],
  ])(
    'because its thread %s after the readout of auto leaves the readout, which is judged, written and proposed',
    async (_, then, reason, autoPromote) => {
      letFitsGo(2);
      const given: Uint8Array[] = [];
      const run = await startCalibrated({
        method: 'auto',
        autoPromote,
        fitWorkerUrl: heldFit(then),
        onProposal: (bytes) => given.push(bytes),
      });
      await expectWhole(run);
      const end = autoPromote ? ['proposed', 'promoted'] : ['proposed'];
      expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', ...end]);
      const { states, method, isHandedOut } = run.calibration.account();
      expect({ method, isHandedOut }).toEqual({ method: 'readout', isHandedOut: true });
      expect(states[3].reason).toMatch(
        /^Use the new decoder.* But the fit by ends, which was to follow, failed/,
      );
      expect(states[3].reason).toContain(reason);
      expect(given.map((bytes) => decodeModel(bytes).provenance)).toMatchObject([
        { method: 'readout', replaces: 'base' },
      ]);
      if (!autoPromote) expectUntouched(run);
    },
  );

  it('after a readout of auto that is no better leaves the decoder in service, and says both', async () => {
    letFitsGo(2);
    const run = await startCalibrated({
      ...{ method: 'auto', autoPromote: true },
      fitWorkerUrl: heldFit('process.exit(1);', 'interim.candidate.scores = interim.inService;'),
    });
    await expectWhole(run);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'rejected']);
    expect(run.calibration.account().states[3].reason).toMatch(/ level with .* But the fit by ends, /);
    expectUntouched(run);
  });

  it('so that the candidate holds NaN fails, and touches nothing', async () => {
    let proposals = 0;
    const run = await startCalibrated({
      autoPromote: true,
      fitWorkerUrl: fitWorker(`calibration.candidate.model.tensors['readout.bias'].data[0] = NaN;`),
      onProposal: () => proposals++,
    });
    await expectWhole(run);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'failed']);
    expect(run.calibration.account().states[3].code).toBe('DEC_MODEL_VALUE_NOT_FINITE');
    expect(proposals).toBe(0);
    expectUntouched(run);
  });

  it('so that the candidate decodes to NaN is rejected, and touches nothing', async () => {
    const run = await startCalibrated({
      autoPromote: true,
      fitWorkerUrl: fitWorker(`
        const { tensors, normalisation } = calibration.candidate.model;
        tensors['readout.bias'].data[0] = 3;
        normalisation.outputScale[0] = 3e38;`),
    });
    await expectWhole(run);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed', 'rejected']);
    expect(run.calibration.account().states[4].reason).toContain('not finite');
    expectUntouched(run);
  });

  it('because it hears nothing is ended when the session is', async () => {
    const holder: { run?: CalibratedRun } = {};
    holder.run = await startCalibrated({
      fitWorkerUrl: workerScript('for (;;);'),
      onTransition: ({ state }) => {
        if (state !== 'fitting') return;
        setTimeout(() => {
          holder.run?.calibration.cancel('the session was stopped');
          void holder.run?.session.stop();
        }, 100);
      },
    });
    const { run } = holder;
    const { bins } = await run.session.done;
    // The thread is ended 1.5 s after the cancel, and the session waits for it for 2 s after its own end: half a second for a
    // thread to be ended, which takes some milliseconds.
    expect(runningWorkerCount(), 'before the session says that it is over').toBe(0);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'cancelled']);
    expect(run.sink.events.map(({ event }) => event.kind)).not.toContain('sinkFailed');
    expect(run.sink.records).toHaveLength(bins);
    expectUntouched(run, expected.slice(0, bins));
  });
});

/** Our own fit, whose result is spoiled before it is handed over. */
function fitWorker(spoil: string): URL {
  return workerScript(`
    import { workerData } from 'node:worker_threads';
    import { calibrateSession } from ${JSON.stringify(compiledUrl('calibration/session/calibrate-session.js').href)};
    import { createCalibrationHost } from ${JSON.stringify(compiledUrl('host/calibration-host.js').href)};
    import { WorkerPort } from ${JSON.stringify(compiledUrl('runtime/worker-port.js').href)};
    const port = new WorkerPort();
    await port.serve(async () => {
      const { base, recording, options } = workerData;
      const calibration = await calibrateSession(base, recording, options, createCalibrationHost(1));
      ${spoil}
      port.post({ kind: 'done', calibration });
    });
  `);
}
