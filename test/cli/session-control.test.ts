/** What a person asks of a running session, on real ones. */
import { afterEach, describe, expect, it } from 'vitest';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import type { Interrupt } from '../../src/cli/interrupt.ts';
import { SessionControl } from '../../src/cli/session-control.ts';
import { CTRL_C } from '../../src/cli/session-keys.ts';
import type { LiveCalibrationOptions } from '../../src/runtime/live-calibration-options.ts';
import { startCalibrated, statesOf, TUNED_ARRAY } from '../support/calibrated-sessions.ts';
import type { CalibratedRun } from '../support/calibrated-sessions.ts';
import { untrainedFor } from '../support/decoder-models.ts';
import { until } from '../support/until.ts';
import { runningWorkerCount } from '../support/workers.ts';

const BIN_MS = 10;

let control: SessionControl | undefined;
afterEach(() => {
  control?.dispose();
  expect(process.listenerCount('SIGUSR2')).toBe(0);
  expect(runningWorkerCount(), 'threads left').toBe(0);
});

/** Counts what is asked of it; as with Ctrl-C the first one aborts. */
function interruptOf(stop: () => void): Interrupt & { asked: number } {
  const controller = new AbortController();
  const interrupt = {
    signal: controller.signal,
    asked: 0,
    ask: () => {
      interrupt.asked++;
      controller.abort();
      stop();
    },
    tellBy: () => undefined,
    dispose: () => undefined,
  };
  return interrupt;
}

interface Steered extends CalibratedRun {
  control: SessionControl;
  told: string[];
  press: (key: string) => void;
  interrupt: { asked: number };
}

/** Paced and without an end, so that there is a decoder to steer until it is told to stop, and one that knows nothing. */
async function start(options: Partial<LiveCalibrationOptions> = {}): Promise<Steered> {
  const told: string[] = [];
  const run = await startCalibrated(
    { base: untrainedFor(simulateRecording(TUNED_ARRAY, 1, BIN_MS)), ...options },
    { source: { kind: 'simulated', config: { array: TUNED_ARRAY, speed: 5 } } },
  );
  const made = new SessionControl(() => expect.fail('nothing is told before it is attached'));
  control = made;
  made.attach(run.session, run.calibration, (text) => void told.push(text));
  const interrupt = interruptOf(() => void run.session.stop());
  const actions = made.actions(interrupt);
  const press = (key: string): void => {
    actions[key]();
  };
  return { ...run, control: made, told, interrupt, press };
}

// The fit comes after everybody else on the machine.
describe('a person at a session', () => {
  it('uses the proposed decoder, goes back, uses it again, and stops, by keys that are shown when they do something', async () => {
    const run = await start({ seconds: 10 });
    const { calibration, press, told } = run;
    expect(run.control.keysText()).toBe('c cancel the calibration   q stop');
    await until(() => calibration.state === 'proposed');
    expect(run.control.keysText()).toBe('p use the new decoder   c discard it   q stop');
    press('p');
    await until(() => calibration.state === 'promoted');
    expect(run.control.keysText()).toBe('r go back to the decoder before   q stop');
    press('r');
    await until(() => calibration.state === 'rolledBack');
    expect(run.control.keysText()).toBe('p use the new decoder   q stop');
    press('p');
    await until(() => statesOf(run).length === 7);
    press('q');
    press('q');
    await run.session.done;
    expect(run.interrupt.asked, 'a second q is no second Ctrl-C').toBe(1);
    expect(statesOf(run).slice(4)).toEqual(['promoted', 'rolledBack', 'promoted']);
    expect(told).toEqual([]);
    press(CTRL_C);
    expect(run.interrupt.asked).toBe(2);
  });

  it('is told in one line what cannot be done, and nothing changes', async () => {
    const run = await start({ seconds: 1000 });
    run.press('r');
    run.press('p');
    await until(() => run.told.length === 2 && run.sink.records.length > 0);
    expect(run.calibration.state).toBe('collecting');
    run.press('c');
    run.press('c');
    expect(run.told).toEqual([
      'not rolled back: there is no decoder before this one to go back to',
      'not promoted: no new decoder is waiting to be put into service',
      'nothing to cancel: no calibration is under way',
    ]);
    expect(run.control.keysText()).toBe('q stop');
    run.press('q');
    await run.session.done;
    expect(statesOf(run)).toEqual(['collecting', 'cancelled']);
    expect(run.calibration.account().states[1].reason).toBe('asked for');
    expect(new Set(run.sink.records.map(({ generation }) => generation))).toEqual(new Set([0]));
  });

  it('goes back by a signal where there is no keyboard', async () => {
    const run = await start({ seconds: 10, autoPromote: true });
    process.emit('SIGUSR2');
    await until(() => run.told.length === 1);
    expect(run.told[0]).toMatch(/^not rolled back: there is no decoder before/);
    await until(() => run.calibration.state === 'promoted');
    process.emit('SIGUSR2');
    await until(() => run.calibration.state === 'rolledBack');
    run.press('q');
    await run.session.done;
    expect(run.told).toHaveLength(1);
  });

  it('hears that a session has not begun, or does not calibrate', async () => {
    const told: string[] = [];
    const early = new SessionControl((text) => void told.push(text));
    control = early;
    process.emit('SIGUSR2');
    expect(told).toEqual(['not rolled back: the session has not begun']);
    const run = await startCalibrated({ seconds: 1000 });
    early.attach(run.session, undefined, (text) => void told.push(text));
    const actions = early.actions(interruptOf(() => undefined));
    actions['p']();
    actions['c']();
    expect(told.slice(1)).toEqual([
      'not promoted: this session does not calibrate (--calibrate)',
      'nothing to cancel: no calibration is under way',
    ]);
    expect(early.keysText()).toBe('q stop');
    await run.session.done;
  });
});
