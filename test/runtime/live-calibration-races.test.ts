/** What a person, the session or a listener does in the very moment in which a candidate is judged or proposed. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LiveCalibrationOptions } from '../../src/runtime/live-calibration-options.ts';
import {
  BASE,
  expectWhole,
  generationsOf,
  RECORDING,
  startCalibrated,
  statesOf,
} from '../support/calibrated-sessions.ts';
import type { CalibratedRun } from '../support/calibrated-sessions.ts';
import { fitWorker, holdFits, letFitsGo } from '../support/held-fits.ts';
import { runningWorkerCount } from '../support/workers.ts';

beforeEach(() => {
  holdFits();
});
afterEach(() => {
  expect(runningWorkerCount(), 'threads left').toBe(0);
});

type React = (run: CalibratedRun, state: string) => void;

/** A session that is replayed faster than life; the fit ends when it is let go. @param react within every transition */
async function paced(react: React, options: Partial<LiveCalibrationOptions> = {}): Promise<CalibratedRun> {
  const holder: { run?: CalibratedRun } = {};
  holder.run = await startCalibrated(
    {
      autoPromote: true,
      fitWorkerUrl: fitWorker('send(interim);'),
      onTransition: ({ state }) => {
        react(holder.run!, state);
      },
      ...options,
    },
    { source: { kind: 'replay', config: { recording: RECORDING, speed: 5 } } },
  );
  return holder.run;
}

describe('a calibration', () => {
  it('that is cancelled between its candidate and the verdict proposes nothing', async () => {
    letFitsGo(2);
    const given: Uint8Array[] = [];
    const run = await paced(
      ({ calibration, session }, state) => {
        if (state === 'evaluating') calibration.cancel('enough');
        if (state === 'cancelled') void session.stop();
      },
      { onProposal: (bytes) => given.push(bytes) },
    );
    await run.session.done;
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'cancelled']);
    const { states, verdict } = run.calibration.account();
    expect([states[3].reason, verdict, given]).toEqual(['enough', undefined, []]);
    expect(run.calibration.isPromotable).toBe(false);
    expect(new Set(generationsOf(run))).toEqual(new Set([0]));
  });

  it('that is cancelled as it proposes does not come into service by itself', async () => {
    letFitsGo(2);
    const run = await paced(({ calibration, session }, state) => {
      if (state === 'proposed') calibration.cancel('enough');
      if (state === 'cancelled') setTimeout(() => void session.stop(), 200);
    });
    await run.session.done;
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed', 'cancelled']);
    expect(new Set(generationsOf(run))).toEqual(new Set([0]));
  });

  it('whose proposal meets a rollback that was asked for waits for the person who asked', async () => {
    const other = { ...BASE, tensors: { ...BASE.tensors } };
    const told: string[] = [];
    const held: unknown[] = [];
    const run = await paced(
      ({ session, calibration }, state) => {
        if (state === 'fitting')
          void session.promote(other).then(() => {
            letFitsGo(2);
          });
        if (state === 'evaluating')
          void session.rollback().then(() => {
            setTimeout(() => {
              held.push(calibration.state, calibration.isPromotable);
              void calibration.promote();
            });
          });
        if (state === 'promoted') void session.stop();
      },
      { onOtherChange: ({ kind }) => told.push(kind) },
    );
    await run.session.done;
    expect(told).toEqual(['promoted', 'rolledBack']);
    expect(held).toEqual(['proposed', true]);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed', 'promoted']);
    expect([...new Set(generationsOf(run))].slice(0, 2)).toEqual([0, 1]);
  });

  it('whose proposal meets the end of the session is cancelled, and was handed out', async () => {
    letFitsGo(2);
    const given: Uint8Array[] = [];
    const run = await paced(
      ({ session }, state) => {
        if (state === 'proposed') void session.stop();
      },
      { onProposal: (bytes) => given.push(bytes) },
    );
    await run.session.done;
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed', 'cancelled']);
    expect(run.calibration.account().states[4].reason).toBe('the session ended first');
    expect(given).toHaveLength(1);
    expect(new Set(generationsOf(run))).toEqual(new Set([0]));
  });

  it('that is written to a full disk comes into service all the same, and is written again at the end', async () => {
    const error = new Error('disk full');
    let attempts = 0;
    const run = await startCalibrated({
      autoPromote: true,
      onProposal: () => {
        if (++attempts === 1) throw error;
      },
    });
    await expectWhole(run);
    expect(statesOf(run).slice(3)).toEqual(['proposed', 'promoted']);
    expect(generationsOf(run).at(-1)).toBe(1);
    expect(attempts).toBe(2);
    expect(run.calibration.proposalError).toBeUndefined();
  });
});

describe('a listener that throws', () => {
  it.each(['evaluating', 'proposed'])(
    'when it is told of %s ends the calibration, and nothing else',
    async (at) => {
      letFitsGo(2);
      const run = await paced(
        ({ session }, state) => {
          if (state === 'cancelled') setTimeout(() => void session.stop(), 200);
          if (state === at) throw new Error('no listener');
        },
        { autoPromote: false },
      );
      const { bins } = await run.session.done;
      expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed', 'cancelled']);
      expect(run.calibration.account().states[4].reason).toBe('whoever was told of it failed');
      expect(run.sink.events.map(({ event }) => event)).toContainEqual({
        ...{ kind: 'sinkFailed', sink: 'calibration' },
        error: new Error('no listener'),
      });
      expect(run.sink.records).toHaveLength(bins);
      expect(new Set(generationsOf(run))).toEqual(new Set([0]));
    },
  );
});
