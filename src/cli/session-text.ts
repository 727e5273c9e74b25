/** A session in words: lines shared by the live view, the one-line-a-second output and the closing summary. */
import type { SessionEvent } from '../runtime/sink.ts';
import type { SessionStatus, SessionSummary } from '../runtime/session-summary.ts';

export function accuracyText({ r2, bins }: Pick<SessionStatus, 'r2' | 'bins'>): string {
  if (r2 === null) return `no truth to compare with   ${bins} bins`;
  const parts = Object.entries(r2).map(([label, value]) => `${label} ${value.toFixed(3)}`);
  return `R2 ${parts.join('  ')}   ${bins} bins`;
}

export function latencyText(status: SessionStatus): string {
  const { p50, p99, p999, max } = status.latencyUs;
  const [what, misses] =
    status.latencyOf === 'endToEndLatency'
      ? ['bin edge to output', `   ${status.deadlineMisses} missed ${status.deadlineMs} ms`]
      : ['computing', ''];
  return `${what} p50 ${us(p50)}  p99 ${us(p99)}  p99.9 ${us(p999)}  max ${us(max)}${misses}`;
}

export function samplesText({ samples }: SessionStatus): string {
  const { produced, received, lost, processed, dropped } = samples;
  return `produced ${produced}  received ${received}  lost ${lost}  processed ${processed}  dropped ${dropped}`;
}

/** 75 -> '01:15' */
export function durationText(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${String(Math.floor(whole / 60)).padStart(2, '0')}:${String(whole % 60).padStart(2, '0')}`;
}

/** One line for a log. */
export function statusLine(status: SessionStatus, output: string): string {
  return `${durationText(status.seconds)}  ${output}  ${accuracyText(status)}  ${latencyText(status)}  lost ${status.samples.lost}`;
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
    case 'join':
    case 'end':
    case 'failed':
      return undefined;
  }
}

export function summaryLines(summary: SessionSummary, recordPath: string | undefined): string[] {
  return [
    `decoded ${summary.bins} bins of ${summary.binMs} ms in ${summary.seconds.toFixed(1)} s with ${summary.model} from ${summary.source}`,
    `accuracy  ${accuracyText(summary)}`,
    `latency   ${latencyText(summary)}`,
    `samples   ${samplesText(summary)}`,
    ...(recordPath === undefined ? [] : [`recording ${recordPath}`]),
  ];
}

function us(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(1)} ms` : `${Math.round(value)} us`;
}
