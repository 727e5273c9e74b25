/** What `betz calibrate --model` tells people, and programs. */
import { describeDrift } from '../calibration/drift/model-drift.ts';
import type { SessionCalibration } from '../calibration/session/session-task.ts';
import { hasSameChannels } from '../calibration/session/session-report.ts';
import type { LaterScores } from '../calibration/session/session-report.ts';
import { sessionSeconds, verdictOf } from '../calibration/session/report-verdict.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { driftReferenceLines } from './drift-text.ts';
import { lagText, namedR2, r2Text } from './metrics-text.ts';
import { lagOf } from './open-data.ts';
import { keptLines } from './refuse-replacing.ts';
import type { OutputFiles } from './refuse-replacing.ts';

export interface SessionResults extends OutputFiles {
  base: Model;
  session: BinnedRecording;
  calibration: SessionCalibration;
  rest: LaterScores | undefined;
  /** The page, where one was asked for. */
  report: string | undefined;
}

export function sessionReportJson({
  base,
  session,
  calibration,
  rest,
  out,
  previous,
}: SessionResults): object {
  const { labels } = base.output;
  const { candidate, tried, inService, baseline, failed } = calibration;
  return {
    decoder: base.kind,
    method: candidate.method,
    session: session.name,
    lagMs: lagOf(base),
    seconds: (session.binCount * session.binMs) / 1000,
    tried: tried.map(({ method, scores, fitSeconds }) => ({
      method,
      fitSeconds,
      heldOutR2: namedR2(labels, scores.metrics),
    })),
    heldOutR2: namedR2(labels, candidate.scores.metrics),
    inServiceR2: namedR2(labels, inService.metrics),
    baselineR2: namedR2(labels, baseline.metrics),
    failed: failed ?? null,
    verdict: verdictOf(candidate.scores, inService, baseline, sessionSeconds(base, session), failed),
    later:
      rest === undefined
        ? null
        : {
            seconds: rest.seconds,
            knownSeconds: rest.knownSeconds,
            r2: namedR2(labels, rest.candidate),
            inServiceR2: rest.inService === undefined ? null : namedR2(labels, rest.inService),
          },
    drift: describeDrift(candidate.model),
    out,
    previous: previous ?? null,
  };
}

export function sessionReportLines({
  base,
  session,
  calibration,
  rest,
  out,
  previous,
  report,
}: SessionResults): string[] {
  const { labels, name } = base.output;
  const { candidate, inService, baseline, failed } = calibration;
  const seconds = (session.binCount * session.binMs) / 1000;
  const verdict = verdictOf(candidate.scores, inService, baseline, sessionSeconds(base, session), failed);
  return [
    `${base.kind} calibrated by ${candidate.method} on ${seconds.toFixed(0)} s of ${session.name} in ${candidate.fitSeconds.toFixed(1)} s`,
    `R2 of ${name}${lagText(lagOf(base))} on ${verdict.blockCount} held-out blocks:  ${r2Text(labels, candidate.scores.metrics)}`,
    `the decoder in service there:  ${r2Text(labels, inService.metrics)}`,
    `ridge baseline there:  ${r2Text(labels, baseline.metrics)}`,
    ...(rest === undefined
      ? []
      : [
          `on the ${rest.seconds.toFixed(0)} s after${knownText(rest)}:  ${r2Text(labels, rest.candidate)}` +
            (rest.inService === undefined ? '' : `;  in service  ${r2Text(labels, rest.inService)}`),
        ]),
    verdict.sentence,
    ...(hasSameChannels(base, session)
      ? []
      : [otherChannelsText(base.features.channelLabels.length, session.channels.length)]),
    ...driftReferenceLines(candidate.model),
    `model written to ${out}`,
    ...keptLines(previous),
    ...(report === undefined ? [] : [`report written to ${report}`]),
  ];
}

/** The decoder in service cannot be kept for that session, whatever the figures say. */
export function otherChannelsText(before: number, now: number): string {
  return (
    `The session's channels are not those of the decoder in service (${before} then, ${now} now), so that it cannot run as it is: ` +
    'it was judged with the channels that both have.'
  );
}

function knownText({ seconds, knownSeconds }: LaterScores): string {
  if (knownSeconds === 0) return '';
  const which = knownSeconds < seconds ? ` ${knownSeconds.toFixed(0)} s of` : '';
  return ` (the decoder in service had learned from${which} them before)`;
}
