/** Real sessions, short ones, whose decoder is calibrated while they run. */
import { expect } from 'vitest';
import type { SimulatedArrayOptions } from '../../src/acquisition/simulated/array-config.ts';
import type { Adaptation } from '../../src/calibration/adaptive/adaptations.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { LiveCalibration } from '../../src/runtime/live-calibration.ts';
import type { LiveCalibrationOptions } from '../../src/runtime/live-calibration-options.ts';
import { Session } from '../../src/runtime/session.ts';
import type { SourceWorkerData } from '../../src/runtime/worker-messages.ts';
import type { SessionSummary } from '../../src/runtime/session-summary.ts';
import { untrainedFor } from './decoder-models.ts';
import { linearRecording } from './linear-recording.ts';
import { MemorySink } from './sessions.ts';

const CHANNELS = 12;
/** Of data that are collected, unless a test says otherwise. */
export const SECONDS = 20;
export const RECORDING = linearRecording({ binCount: 4500, channelCount: CHANNELS, seed: 7 });
/** Knows nothing of the recording: any calibration is better. */
export const BASE = untrainedFor(RECORDING);
export const ORIGIN = { seed: 1, version: '0', baseName: 'base', baseSha256: '00' };

/** For sessions in real time: so clearly tuned that a few seconds are enough. */
export const TUNED_ARRAY: SimulatedArrayOptions = {
  seed: 3,
  channelCount: 32,
  tuning: { directionDepth: 1, restRateMedianHz: 30, restRateMaxHz: 100 },
};

export interface CalibratedRun {
  calibration: LiveCalibration;
  session: Session;
  sink: MemorySink;
  data: BinnedRecording;
}

export interface RunSettings {
  /** What is replayed, as fast as it can be. */
  data?: BinnedRecording;
  /** Instead of a replay. */
  source?: SourceWorkerData;
  adaptations?: readonly Adaptation[];
}

export async function startCalibrated(
  options: Partial<LiveCalibrationOptions> = {},
  { data = RECORDING, source, adaptations = [] }: RunSettings = {},
): Promise<CalibratedRun> {
  const { base = BASE } = options;
  const calibration = new LiveCalibration({
    ...{ base, seconds: SECONDS, method: 'readout', origin: ORIGIN },
    ...options,
  });
  const sink = new MemorySink();
  const session = await Session.start({
    source: source ?? { kind: 'replay', config: { recording: data, speed: 'max' } },
    modelBytes: encodeModel(base),
    adaptations,
    sinks: [sink, calibration],
  });
  calibration.attach(session);
  return { calibration, session, sink, data };
}

export function statesOf({ calibration }: CalibratedRun): string[] {
  return calibration.account().states.map(({ state }) => state);
}

export function generationsOf({ sink }: CalibratedRun): number[] {
  return sink.records.map(({ generation }) => generation);
}

/** Whatever became of the calibration, every bin was decoded once and reached every sink. */
export async function expectWhole({ session, sink, data }: CalibratedRun): Promise<SessionSummary> {
  const summary = await session.done;
  expect(summary.bins).toBe(data.binCount);
  expect(sink.records.map(({ binIndex }) => binIndex)).toEqual(Array.from(sink.records, (_, bin) => bin));
  expect(sink.records).toHaveLength(data.binCount);
  expect(summary.sinks['calibration'].lost).toBe(0);
  expect(sink.events.map(({ event }) => event.kind)).not.toContain('sinkFailed');
  return summary;
}
