/** What `betz bench calibration` calibrates on: days of the simulated array, or one recording cut in time. */
import { frameAfter, simulateRecording } from '../acquisition/simulated/simulate-recording.ts';
import { onlySegments } from '../calibration/session/ridge-baseline.ts';
import { clipSegments } from '../calibration/training-windows.ts';
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording } from '../core/recording.ts';

export interface CalibrationBenchData {
  name: string;
  /** What the base is pretrained on. */
  training: readonly BinnedRecording[];
  /** The longest calibration: shorter ones are its beginning. */
  session: BinnedRecording;
  /** What everything is scored on: later than all of the session's data. */
  test: BinnedRecording;
}

const BIN_MS = 20;
const TEST_S = 120;

export interface SimulatedBenchOptions {
  channelCount: number;
  /** Days 0 to this one less. */
  trainingDays: number;
  /** Of each. */
  trainingSeconds: number;
  newDay: number;
  /** The new day's data; the test comes after them. */
  sessionSeconds: number;
}

export function simulatedBenchData(seed: number, options: SimulatedBenchOptions): CalibrationBenchData {
  const { channelCount, trainingDays, trainingSeconds, newDay, sessionSeconds } = options;
  return {
    name: `simulated array, day ${newDay}`,
    training: Array.from({ length: trainingDays }, (_, day) =>
      simulateRecording({ seed, day, channelCount }, trainingSeconds, BIN_MS),
    ),
    session: simulateRecording({ seed, day: newDay, channelCount }, sessionSeconds, BIN_MS),
    test: simulateRecording({ seed, day: newDay, channelCount }, TEST_S, BIN_MS, frameAfter(sessionSeconds)),
  };
}

/** The first 60 % is what came before, the next 20 % the session, the last 20 % the test. */
export function recordedBenchData(recording: BinnedRecording): CalibrationBenchData {
  const { binCount, segments, name } = recording;
  const at = (share: number): number => Math.floor(share * binCount);
  const part = (startBin: number, endBin: number): BinnedRecording =>
    onlySegments(recording, clipSegments(segments, { startBin, endBin }));
  return {
    name,
    training: [part(0, at(0.6))],
    session: part(at(0.6), at(0.8)),
    test: part(at(0.8), binCount),
  };
}

/** @throws BetzError CAL_SESSION_TOO_SHORT */
export function firstSeconds(recording: BinnedRecording, seconds: number): BinnedRecording {
  const endBin = Math.round((seconds * 1000) / recording.binMs);
  if (endBin > recording.binCount) {
    throw new BetzError('CAL_SESSION_TOO_SHORT', `the session has no ${seconds} s of data`, {
      value: (recording.binCount * recording.binMs) / 1000,
      tip: 'Give fewer seconds, or a longer recording.',
    });
  }
  return onlySegments(recording, clipSegments(recording.segments, { startBin: 0, endBin }));
}
