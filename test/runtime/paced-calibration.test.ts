/** A session in real time whose decoder is calibrated, replaced and put back: every bin is decoded once, by the decoder that is due. */
import { afterEach, expect, it } from 'vitest';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import type { SessionEvent } from '../../src/runtime/sink.ts';
import { generationsOf, startCalibrated, statesOf, TUNED_ARRAY } from '../support/calibrated-sessions.ts';
import type { CalibratedRun } from '../support/calibrated-sessions.ts';
import { untrainedFor } from '../support/decoder-models.ts';
import { runningWorkerCount } from '../support/workers.ts';

const BIN_MS = 10;
const FRAMES_PER_BIN = 10;
/** The least that can be calibrated on is 8 s: three times as fast as life, so that nobody waits for it. */
const SPEED = 3;
const SECONDS = 8.5;

afterEach(() => {
  expect(runningWorkerCount(), 'threads left').toBe(0);
});

it('a paced session loses no bin and decodes none twice while its decoder is calibrated, replaced and put back', async () => {
  const holder: { run?: CalibratedRun } = {};
  const later = (action: (run: CalibratedRun) => unknown): void => {
    setTimeout(() => holder.run !== undefined && void action(holder.run), 300);
  };
  holder.run = await startCalibrated(
    {
      base: untrainedFor(simulateRecording(TUNED_ARRAY, 1, BIN_MS)),
      seconds: SECONDS,
      method: 'scratch',
      autoPromote: true,
      onTransition: ({ state }) => {
        if (state === 'promoted') later(({ session }) => session.rollback());
        else if (state !== 'fitting' && state !== 'evaluating' && state !== 'proposed')
          later(({ session }) => session.stop());
      },
    },
    { source: { kind: 'simulated', config: { array: TUNED_ARRAY, speed: SPEED } } },
  );
  const { run } = holder;
  const summary = await run.session.done;
  expect(statesOf(run)).toEqual([
    ...['collecting', 'fitting', 'evaluating', 'proposed', 'promoted', 'rolledBack'],
  ]);

  const { records, events } = run.sink;
  expect(summary.bins).toBe(records.length);
  expect(records.map(({ binIndex }) => binIndex)).toEqual(Array.from(records, (_, bin) => bin));
  // Every frame is in one bin, in the order in which it came.
  expect(records.map(({ firstFrame, lastFrame }) => [firstFrame, lastFrame])).toEqual(
    Array.from(records, (_, bin) => [bin * FRAMES_PER_BIN, bin * FRAMES_PER_BIN + FRAMES_PER_BIN - 1]),
  );
  expect(summary).toMatchObject({ recordsLost: 0, joins: 0, nonFiniteBins: 0 });
  expect(summary.samples.lost).toBe(0);
  expect(Object.values(summary.sinks).map(({ lost }) => lost)).toEqual([0, 0]);

  const firstBins = events.flatMap(({ event }) => swapOf(event));
  expect(firstBins).toHaveLength(2);
  const [promoted, rolledBack] = firstBins;
  expect(run.calibration.account().promotedBin).toBe(promoted);
  expect(generationsOf(run)).toEqual(
    Array.from(records, (_, bin) => (bin >= promoted && bin < rolledBack ? 1 : 0)),
  );
  expect(run.calibration.account().accuracy.map(({ binCount }) => binCount)).toEqual([
    records.length - (rolledBack - promoted),
    rolledBack - promoted,
  ]);

  // Whatever the machine missed is counted, and none of it twice.
  const deadlineNs = summary.deadlineMs * 1e6;
  expect(summary.deadlineMisses).toBe(
    records.filter(({ doneNs, scheduledNs }) => doneNs - scheduledNs > deadlineNs).length,
  );
});

function swapOf(event: SessionEvent): number[] {
  return event.kind === 'promoted' || event.kind === 'rolledBack' ? [event.binIndex] : [];
}
