/**
 * How well each method brings a pretrained decoder to a new session, by the seconds of data that it gets: R2 on a later part of
 * the session, which no method has seen, and the seconds that the fit takes; and the R2 of whoever follows the verdict, which may
 * say to keep the decoder that there was.
 */
import { calibrateSession } from '../calibration/session/calibrate-session.ts';
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import { holdOutBlocks } from '../calibration/session/held-out-blocks.ts';
import { pretrain } from '../calibration/session/pretrain.ts';
import { isForUse, verdictOf } from '../calibration/session/report-verdict.ts';
import { ridgeBaseline } from '../calibration/session/ridge-baseline.ts';
import { decodeSession, scoreBlocks } from '../calibration/session/session-scores.ts';
import type { CalibrationHost } from '../calibration/calibrate.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { firstSeconds } from './calibration-data.ts';
import type { CalibrationBenchData } from './calibration-data.ts';

export interface CalibrationBenchOptions {
  decoder: string;
  config: Readonly<Record<string, unknown>>;
  seed: number;
  methods: readonly SessionMethod[];
  secondsList: readonly number[];
  onProgress: (line: string) => void;
}

export interface CalibrationBenchRow {
  decoder: string;
  data: string;
  seed: number;
  /** 'none': the base as it is; 'ridge': fitted to the same data. */
  method: SessionMethod | 'none' | 'ridge';
  /** Of data; 0 with 'none'. */
  seconds: number;
  r2: number;
  /** Of what is in service after the verdict: the candidate or the base. */
  decidedR2: number;
  fitSeconds: number;
}

/**
 * One base, any number of new sessions.
 * @throws BetzError CAL_SESSION_TOO_SHORT before the minutes of pretraining, and those of `pretrain`, `calibrateSession`
 */
export async function benchCalibration(
  sessions: readonly CalibrationBenchData[],
  options: CalibrationBenchOptions,
  host: CalibrationHost,
): Promise<CalibrationBenchRow[]> {
  const { decoder, config, seed, methods, secondsList, onProgress } = options;
  for (const { session } of sessions)
    for (const seconds of secondsList) holdOutBlocks(firstSeconds(session, seconds));
  onProgress(`${decoder}, seed ${seed}: pretraining on ${sessions[0].training.length} sessions`);
  const { model: base, trainSeconds } = await pretrain(
    sessions[0].training,
    { kind: decoder, config, training: { seed } },
    host,
  );
  const rows: CalibrationBenchRow[] = [];
  for (const { name: data, session, test } of sessions) {
    const baseR2 = scoreOn(base, test, host);
    const common = { decoder, data, seed };
    rows.push({
      ...common,
      method: 'none',
      seconds: 0,
      r2: baseR2,
      decidedR2: baseR2,
      fitSeconds: trainSeconds,
    });
    const wholeS = (session.binCount * session.binMs) / 1000;
    for (const seconds of new Set([...secondsList, wholeS])) {
      const recording = firstSeconds(session, seconds);
      onProgress(`${decoder}, seed ${seed}: ${data}, ${seconds.toFixed(0)} s`);
      const ridgeR2 = scoreOn(await ridgeBaseline(recording, recording.segments, host), test, host);
      const untimed = { decidedR2: Number.NaN, fitSeconds: Number.NaN };
      rows.push({ ...common, method: 'ridge', seconds, r2: ridgeR2, ...untimed });
      for (const method of seconds === wholeS && !secondsList.includes(wholeS)
        ? (['full'] as const)
        : methods) {
        const result = await calibrateSession(base, recording, { method, seed }, host);
        const { candidate, tried, inService, baseline } = result;
        const verdict = verdictOf(candidate.scores, inService, baseline);
        const r2 = scoreOn(candidate.model, test, host);
        const decidedR2 = isForUse(verdict) ? r2 : baseR2;
        const fitSeconds = tried.reduce((sum, each) => sum + each.fitSeconds, 0);
        rows.push({ ...common, method, seconds, r2, decidedR2, fitSeconds });
      }
    }
  }
  return rows;
}

function scoreOn(model: Model, test: BinnedRecording, host: CalibrationHost): number {
  return scoreBlocks(test, decodeSession(model, test, host.makeKernels()), test.segments).metrics.r2Mean;
}
