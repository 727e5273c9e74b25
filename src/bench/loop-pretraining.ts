/** A decoder from sessions of earlier days in closed loop, for a new day to begin from. */
import { calibrate } from '../calibration/calibrate.ts';
import type { CalibrationHost } from '../calibration/calibrate.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { runLoopSession } from './loop-session.ts';
import type { LoopOptions } from './loop-session.ts';

/** Each of those days: collection, then control by a Kalman filter. */
const SECONDS_PER_DAY = 120;

export interface PretrainingOptions {
  kind: string;
  config?: Readonly<Record<string, unknown>>;
  days: readonly number[];
  /** Of the sessions; their day, control and length are set here. */
  session: LoopOptions;
  seed: number;
}

/** @throws BetzError, those of calibration */
export async function pretrainOnDays(options: PretrainingOptions, host: CalibrationHost): Promise<Model> {
  const { kind, config, days, session, seed } = options;
  const fit = async (recording: BinnedRecording): Promise<Model> =>
    (await calibrate(recording, { kind: 'kalman' }, host)).model;
  const recordings: BinnedRecording[] = [];
  for (const day of days) {
    const dayOptions: LoopOptions = {
      ...session,
      array: { ...session.array, day },
      control: { by: 'fits', fit, refitsAtS: [SECONDS_PER_DAY / 2] },
      sessionS: SECONDS_PER_DAY,
    };
    recordings.push((await runLoopSession(dayOptions, host.clock)).recording);
  }
  const settings = config === undefined ? {} : { config };
  const joined = joinRecordings(recordings);
  return (await calibrate(joined, { kind, ...settings, training: { seed } }, host)).model;
}

/** One after the other, with joins between. @param recordings at least one, of the same channels, target and bins */
function joinRecordings(recordings: readonly BinnedRecording[]): BinnedRecording {
  const [first] = recordings;
  const binCount = recordings.reduce((sum, recording) => sum + recording.binCount, 0);
  const features = new Float32Array(binCount * first.channels.length);
  const values = new Float32Array(binCount * first.target.labels.length);
  let startBin = 0;
  const segments = recordings.map((recording) => {
    features.set(recording.features, startBin * first.channels.length);
    values.set(recording.target.values, startBin * first.target.labels.length);
    const segment = { startBin, endBin: startBin + recording.binCount };
    startBin = segment.endBin;
    return segment;
  });
  return { ...first, binCount, features, target: { ...first.target, values }, segments };
}
