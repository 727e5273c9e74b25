/**
 * `betz bench closed-loop`: whole sessions in closed loop over seeds (array, movements, user and targets all differ), of a
 * decoder with ReFIT and without, beside the user's intention itself (the upper bound) and a cursor that nobody moves
 * (the canary: if that acquires targets, the task is broken).
 */
import type { SimulatedUserOptions } from '../acquisition/simulated/simulated-user.ts';
import { simulateRecording } from '../acquisition/simulated/simulate-recording.ts';
import { calibrate } from '../calibration/calibrate.ts';
import type { CalibrationHost } from '../calibration/calibrate.ts';
import { speedGain, withGain } from '../calibration/speed-gain.ts';
import { splitBins } from '../calibration/splits.ts';
import { calibrateSession } from '../calibration/session/calibrate-session.ts';
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { firstAcquiredS, plateauS, successByMinute, taskMetrics } from '../task/metrics.ts';
import type { TaskMetrics } from '../task/metrics.ts';
import type { TaskName } from '../task/target-sequence.ts';
import { TASK_TIMING } from '../task/target-task.ts';
import { median } from './distribution.ts';
import { pretrainOnDays } from './loop-pretraining.ts';
import { runLoopSession } from './loop-session.ts';
import type { LoopControl, LoopOptions, LoopSession } from './loop-session.ts';

export interface ClosedLoopOptions {
  task: TaskName;
  /** Kind of decoder, fitted from scratch. */
  decoder: string;
  decoderConfig?: Readonly<Record<string, unknown>>;
  seeds: readonly number[];
  channelCount: number;
  /** With this method a decoder that was trained on up to four days before takes part too; from day 1 on. */
  pretrained?: SessionMethod;
  /** Of the array's drift. From day 1 on a decoder of day 0 takes part too. */
  day: number;
  sessionS: number;
  collectS: number;
  refitsAtS: readonly number[];
  user: SimulatedUserOptions;
  /** Session time of a fit; without it, what it took. */
  fitS?: number;
  onProgress?: (line: string) => void;
}

export interface ClosedLoopRow {
  contestant: string;
  seed: number;
  controlS: number;
  /** Hold included; some help, and no help at all during the trial. Seconds since collection began. */
  firstAcquiredS: number;
  firstUnaidedS: number;
  plateauS: number;
  /** Trials that ended in each minute of the session; NaN where there were none. */
  successByMinute: number[];
  /** Trials that began after the first three minutes. */
  late: TaskMetrics;
  fits: LoopSession['fits'];
}

/** Where the plateau is to be reached. */
const LATE_S = 180;
/** Help fades from a half to none. */
const ASSIST: LoopOptions['assist'] = { level: 0.5, fade: { by: 'time', overS: 5 } };
const NO_ASSIST: LoopOptions['assist'] = { level: 0, fade: { by: 'time', overS: 1 } };
/**
 * The gain of speed-gain.ts is for the ridge regression. Without it that decoder's ReFIT slows down to where it wins half
 * of its targets. A Kalman filter models how spikes follow from velocity, which noise does not shrink: scaled up all the same
 * it wins 0 to 14 %. A GRU from 20 s of data is too uncertain for its noise to be scaled up (docs/closed-loop.md).
 */
const SCALED_KIND = 'wiener';
/** Of open-loop reaching on day 0, for the decoder that is not adapted. */
const STALE_DATA_S = 120;

/** Rows of a seed stand together. @throws BetzError */
export async function benchClosedLoop(
  options: ClosedLoopOptions,
  host: CalibrationHost,
): Promise<ClosedLoopRow[]> {
  const rows: ClosedLoopRow[] = [];
  for (const seed of options.seeds) {
    for (const { name, control } of await contestants(options, seed, host)) {
      options.onProgress?.(`${name}, seed ${seed}`);
      const session = await runLoopSession(sessionOptions(options, seed, control), host.clock);
      rows.push(rowOf(name, seed, session, options.sessionS));
    }
  }
  return rows;
}

function sessionOptions(options: ClosedLoopOptions, seed: number, control: LoopControl): LoopOptions {
  const { task, channelCount, day, user, sessionS, collectS, fitS } = options;
  return {
    task,
    array: { seed, day, channelCount },
    user,
    control,
    assist: control.by === 'fits' ? ASSIST : NO_ASSIST,
    sessionS,
    collectS,
    ...(fitS === undefined ? {} : { fitS }),
  };
}

async function contestants(
  options: ClosedLoopOptions,
  seed: number,
  host: CalibrationHost,
): Promise<{ name: string; control: LoopControl }[]> {
  const { decoder, refitsAtS, channelCount, day, decoderConfig } = options;
  const fit = async (recording: BinnedRecording): Promise<Model> => {
    const settings = decoderConfig === undefined ? {} : { config: decoderConfig };
    const { model } = await calibrate(recording, { kind: decoder, ...settings, training: { seed } }, host);
    if (decoder !== SCALED_KIND) return model;
    const { test } = splitBins(recording.binCount);
    return withGain(model, speedGain(model, recording, test, host.makeKernels()));
  };
  const list: { name: string; control: LoopControl }[] = [
    { name: 'intention itself', control: { by: 'intention' } },
    { name: `${decoder}, ReFIT`, control: { by: 'fits', fit, refitsAtS } },
    { name: `${decoder}, no ReFIT`, control: { by: 'fits', fit, refitsAtS: [] } },
    { name: 'nobody', control: { by: 'nobody' } },
  ];
  if (day === 0) return list;
  const before = simulateRecording({ seed, day: 0, channelCount }, STALE_DATA_S, TASK_TIMING.binMs);
  list.push({ name: `${decoder} of day 0`, control: { by: 'model', model: await fit(before) } });
  const { pretrained } = options;
  if (pretrained === undefined) return list;
  const base = await pretrain(options, seed, host);
  const adapt = async (recording: BinnedRecording): Promise<Model> =>
    (await calibrateSession(base, recording, { method: pretrained, seed }, host)).candidate.model;
  return [
    ...list,
    { name: `${decoder}, pretrained, as it is`, control: { by: 'model', model: base } },
    { name: `${decoder}, pretrained, ${pretrained}`, control: { by: 'fits', fit: adapt, refitsAtS } },
  ];
}

/** Days before this one that a decoder is trained on. */
const PRETRAINING_DAYS = 4;

function pretrain(options: ClosedLoopOptions, seed: number, host: CalibrationHost): Promise<Model> {
  const { decoder, decoderConfig, day, onProgress } = options;
  const dayCount = Math.min(PRETRAINING_DAYS, day);
  const days = Array.from({ length: dayCount }, (_, i) => day - dayCount + i);
  onProgress?.(`training on days ${days.join(', ')}, seed ${seed}`);
  const session = { ...sessionOptions(options, seed, { by: 'nobody' }), assist: ASSIST };
  const settings = decoderConfig === undefined ? {} : { config: decoderConfig };
  return pretrainOnDays({ kind: decoder, ...settings, days, session, seed }, host);
}

function rowOf(contestant: string, seed: number, session: LoopSession, sessionS: number): ClosedLoopRow {
  const { trials, controlS, fits } = session;
  const unaided = trials.filter(({ assistMax }) => assistMax === 0);
  return {
    contestant,
    seed,
    controlS,
    firstAcquiredS: firstAcquiredS(trials),
    firstUnaidedS: firstAcquiredS(unaided),
    plateauS: plateauS(unaided),
    successByMinute: successByMinute(trials, Math.floor(sessionS / 60)),
    late: taskMetrics(trials.filter(({ startS }) => startS >= LATE_S)),
    fits,
  };
}

/** What holds over seeds for one contestant: medians, with the least and the most. Seeds without a value count as worst. */
export interface ClosedLoopSummary {
  contestant: string;
  firstUnaidedS: Spread;
  plateauS: Spread;
  lateSuccess: Spread;
  timeToTargetS: Spread;
  pathEfficiency: Spread;
  throughputBitPerS: Spread;
  achievedBitPerS: Spread;
}

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** One per contestant, in the order of the rows. */
export function summarise(rows: readonly ClosedLoopRow[]): ClosedLoopSummary[] {
  return [...new Set(rows.map(({ contestant }) => contestant))].map((contestant) => {
    const own = rows.filter((row) => row.contestant === contestant);
    const over = (valueOf: (row: ClosedLoopRow) => number, worst: number): Spread =>
      spread(own.map(valueOf).map((value) => (Number.isNaN(value) ? worst : value)));
    return {
      contestant,
      firstUnaidedS: over((row) => row.firstUnaidedS, Infinity),
      plateauS: over((row) => row.plateauS, Infinity),
      lateSuccess: over((row) => row.late.successRate, 0),
      timeToTargetS: over((row) => row.late.timeToTargetS, Infinity),
      pathEfficiency: over((row) => row.late.pathEfficiency, 0),
      throughputBitPerS: over((row) => row.late.throughputBitPerS, 0),
      achievedBitPerS: over((row) => row.late.achievedBitPerS, 0),
    };
  });
}

function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
