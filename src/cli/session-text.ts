/** A session in words: lines shared by the live view, the one-line-a-second output and the closing summary. */
import { durationText } from './duration-text.ts';
import { driftEventText, driftLines } from './drift-text.ts';
import { R2_S_MIN } from './metrics-text.ts';
import type { SessionEvent } from '../runtime/sink.ts';
import type { AdaptationStatus, SessionStatus, SessionSummary } from '../runtime/session-summary.ts';

export function accuracyText(status: SessionStatus): string {
  const { r2, bins } = status;
  if (r2 === null) return `no truth to compare with   ${bins} bins`;
  if (!isR2Meaningful(status))
    return `R2 takes ${R2_S_MIN} s of behaviour, ${Math.floor(comparedS(status))} s so far   ${bins} bins`;
  const parts = Object.entries(r2).map(([label, value]) => `${label} ${value.toFixed(3)}`);
  return `R2 ${parts.join('  ')}   ${bins} bins`;
}

export function latencyText(status: SessionStatus): string {
  const { p50, p99, p999, max } = status.latencyUs;
  const what = isTimed(status) ? 'bin edge to output' : 'computing';
  return `${what} p50 ${us(p50)}  p99 ${us(p99)}  p99.9 ${us(p999)}  max ${us(max)}`;
}

/** undefined where there is no schedule to miss. */
export function deadlineText(status: SessionStatus): string | undefined {
  if (!isTimed(status)) return undefined;
  const { deadlineMisses, bins, deadlineMs } = status;
  return `${deadlineMisses} of ${bins} bins missed ${Number(deadlineMs.toFixed(3))} ms`;
}

/** In few words: for a view whose width is limited. */
export function samplesText({ samples }: SessionStatus): string {
  const { produced, lost, processed, dropped } = samples;
  return `processed ${processed} of ${produced}  lost ${lost}  dropped ${dropped}`;
}

/** '+0.25', '-0.25', ' 0.00': always as wide, so that nothing jumps. */
export function signed(value: number): string {
  const digits = Math.abs(value).toFixed(2);
  const sign = Number(digits) === 0 ? ' ' : value < 0 ? '-' : '+';
  return `${sign}${digits}`;
}

/** One line for a log; the summary at the end has the rest. @param stage of a calibration under way */
export function statusLine(status: SessionStatus, output: string, stage?: string): string {
  const { r2, latencyUs, samples, seconds, drift } = status;
  const accuracy = `R2 ${r2 === null || !isR2Meaningful(status) ? '-' : r2['mean'].toFixed(3)}`;
  const latency =
    `${isTimed(status) ? 'latency' : 'computing'} p50 ${us(latencyUs.p50)}` +
    `  p99 ${us(latencyUs.p99)}  max ${us(latencyUs.max)}`;
  const misses = isTimed(status) ? [`${status.deadlineMisses} missed`] : [];
  const index =
    drift === null
      ? []
      : [`drift ${drift.index.toFixed(1)}${drift.isRecalibrationAdvised ? ': recalibrate' : ''}`];
  return [
    durationText(seconds),
    ...(stage === undefined ? [] : [stage]), // first, for a line may be cut
    output,
    accuracy,
    latency,
    ...misses,
    `${samples.lost} lost`,
    ...index,
  ].join('  ');
}

/** Events that a person should read; undefined for the ones that are part of normal running. */
export function eventText(event: SessionEvent): string | undefined {
  switch (event.kind) {
    case 'gap':
      return `gap of ${event.frameCount} frames at frame ${event.frameIndex} (${event.reason})`;
    case 'mark':
      return `mark '${event.label}' at frame ${event.frameIndex}`;
    case 'nonFinite':
      return `${event.binCount} bins were not finite: output set to its safe value, zero`;
    case 'recordsLost':
      return `${event.recordCount} decoded bins were fetched too late for view and recording`;
    case 'sinkBehind':
      return `${event.sink} is too slow: ${event.recordCount} bins not written`;
    case 'sinkFailed':
      return `${event.sink} failed and is off: ${event.error.message}`;
    case 'promoted':
    case 'rolledBack':
      return decoderChangeText(event);
    case 'adaptationRolledBack':
      return 'what the decoder had learned by itself made it worse, and was given up';
    case 'drift':
      return driftEventText(event);
    case 'join':
    case 'end':
    case 'failed':
      return undefined;
  }
}

export function decoderChangeText(event: Extract<SessionEvent, { kind: 'promoted' | 'rolledBack' }>): string {
  const { binIndex, generation } = event;
  if (event.kind === 'promoted')
    return `from bin ${binIndex} on the new decoder is in service (generation ${generation})`;
  const why = event.reason === 'asked' ? '' : ': the new one gave numbers that are not finite';
  return `from bin ${binIndex} on the decoder before is in service again (generation ${generation})${why}`;
}

export function summaryLines(summary: SessionSummary, recordPath?: string): string[] {
  const { bins, binMs, seconds, source, model, samples, adaptation, drift } = summary;
  const { produced, received, lost, processed, dropped } = samples;
  const deadline = deadlineText(summary);
  return [
    `decoded   ${bins} bins of ${binMs} ms in ${seconds.toFixed(1)} s`,
    `source    ${source}`,
    `model     ${model}`,
    `accuracy  ${accuracyText(summary)}`,
    ...(drift === null
      ? []
      : driftLines(drift, binMs).map((line, i) => `${i === 0 ? 'drift     ' : '          '}${line}`)),
    `latency   ${latencyText(summary)}`,
    ...(deadline === undefined ? [] : [`deadline  ${deadline}`]),
    `samples   produced ${produced}  received ${received}  lost ${lost}  processed ${processed}  dropped ${dropped}`,
    ...(adaptation === null ? [] : [`adapting  ${adaptationText(adaptation)}`]),
    ...(recordPath === undefined ? [] : [`recording ${recordPath}`]),
  ];
}

function adaptationText({
  by,
  learnedBins,
  heldBins,
  rollbacks,
  usesLearnedReadout,
}: AdaptationStatus): string {
  const readout = by.includes('rls')
    ? `  ${usesLearnedReadout ? 'learned' : 'calibrated'} readout in use`
    : '';
  return `${by.join(', ')}  learned from ${learnedBins} bins  held ${heldBins}  gave up ${rollbacks} times${readout}`;
}

function isR2Meaningful(status: SessionStatus): boolean {
  return comparedS(status) >= R2_S_MIN;
}

function comparedS({ comparedBins, binMs }: SessionStatus): number {
  return (comparedBins * binMs) / 1000;
}

function isTimed({ latencyOf }: SessionStatus): boolean {
  return latencyOf === 'endToEndLatency';
}

function us(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(1)} ms` : `${Math.round(value)} us`;
}
