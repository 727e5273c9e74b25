/**
 * Brings a behavioural signal to bins: the mean of the samples that fall into the bin, or, where a bin is
 * shorter than the sampling interval, the straight line between the samples around its centre. A bin that is too
 * far from any sample is an error: a value would be invented.
 */
import { BetzError } from '../core/errors.ts';
import type { BehaviourSignal } from '../core/recording.ts';
import { EDGE_TOLERANCE_S, wholeSteps } from './bin-grid.ts';
import type { BinGrid, GridSegment } from './bin-grid.ts';

/** Samples this many intervals (or bins, if longer) apart are still joined by a line: one may be missing. */
const GAP_INTERVALS_MAX = 2;

/**
 * Returns [binCount x labels.length], row-major. A sample at a bin's start counts for the bin, one at its end
 * for the next. Throws LOG_VALUE_INVALID, LOG_BEHAVIOUR_GAP.
 */
export function sampleBehaviour(signal: BehaviourSignal, grid: BinGrid): Float32Array {
  checkSignal(signal);
  const gapSMax = GAP_INTERVALS_MAX * Math.max(grid.binS, medianInterval(signal.timesS)) * (1 + 1e-6);
  const values = new Float32Array(grid.binCount * signal.labels.length);
  let sample = 0;
  for (const segment of grid.segments) {
    while (signal.timesS[sample] < segment.startS - EDGE_TOLERANCE_S) sample++;
    const first = sample;
    while (signal.timesS[sample] < segment.dataEndS - EDGE_TOLERANCE_S) sample++;
    sampleSegment({ signal, grid, segment, first, end: sample, gapSMax }, values);
  }
  return values;
}

interface SegmentSamples {
  signal: BehaviourSignal;
  grid: BinGrid;
  segment: GridSegment;
  /** Samples [first, end) lie in the segment. */
  first: number;
  end: number;
  gapSMax: number;
}

function sampleSegment(samples: SegmentSamples, values: Float32Array): void {
  const { signal, grid, segment, end } = samples;
  const width = signal.labels.length;
  let next = samples.first; // the first sample that no bin has taken yet
  for (let bin = segment.startBin; bin < segment.endBin; bin++) {
    const firstOfBin = next;
    while (
      next < end &&
      wholeSteps(signal.timesS[next] - segment.startS, grid.binS) <= bin - segment.startBin
    ) {
      next++;
    }
    const row = values.subarray(bin * width, (bin + 1) * width);
    if (next > firstOfBin) mean(signal, firstOfBin, next, row);
    else between(samples, next, bin, row);
  }
}

function mean(signal: BehaviourSignal, first: number, end: number, row: Float32Array): void {
  const width = row.length;
  for (let axis = 0; axis < width; axis++) {
    let sum = 0;
    for (let i = first; i < end; i++) sum += signal.values[i * width + axis];
    row[axis] = sum / (end - first);
  }
}

/** @param next the first sample after the bin; the one before it, if there is one, lies before the bin */
function between(samples: SegmentSamples, next: number, bin: number, row: Float32Array): void {
  const { signal, grid, segment, first, end, gapSMax } = samples;
  const centreS = segment.startS + (bin - segment.startBin + 0.5) * grid.binS;
  const beforeS = next > first ? signal.timesS[next - 1] : -Infinity;
  const afterS = next < end ? signal.timesS[next] : Infinity;
  const isInside = afterS - beforeS <= gapSMax;
  const nearestIsBefore = centreS - beforeS <= afterS - centreS;
  // At a segment's start and end there is a sample on one side only: its value is held.
  const isHeld = (next === first || next === end) && Math.min(centreS - beforeS, afterS - centreS) <= gapSMax;
  if (!isInside && !isHeld) throw gapError(signal, bin, centreS);
  const width = row.length;
  const afterWeight = isInside ? (centreS - beforeS) / (afterS - beforeS) : nearestIsBefore ? 0 : 1;
  for (let axis = 0; axis < width; axis++) {
    const before = afterWeight === 1 ? 0 : signal.values[(next - 1) * width + axis];
    const after = afterWeight === 0 ? 0 : signal.values[next * width + axis];
    row[axis] = (1 - afterWeight) * before + afterWeight * after;
  }
}

function checkSignal(signal: BehaviourSignal): void {
  const { name, timesS, values, labels } = signal;
  for (let i = 0; i < timesS.length; i++) {
    if (!Number.isFinite(timesS[i])) throw invalid(`${name} time ${i} = ${timesS[i]}`, 'is not finite');
    if (i > 0 && timesS[i] <= timesS[i - 1]) {
      throw invalid(`${name} time ${i} = ${timesS[i]}`, 'is not after the one before');
    }
  }
  for (let i = 0; i < timesS.length * labels.length; i++) {
    if (Number.isFinite(values[i])) continue;
    const row = Math.floor(i / labels.length);
    throw invalid(`${name}.${labels[i % labels.length]} sample ${row} = ${values[i]}`, 'is not finite');
  }
}

function invalid(place: string, why: string): BetzError {
  return new BetzError('LOG_VALUE_INVALID', `the behaviour has a value that ${why}: ${place}`, {
    value: place,
    tip: 'Repair this sample in the recording, or choose another target.',
  });
}

function gapError(signal: BehaviourSignal, bin: number, centreS: number): BetzError {
  const { timesS } = signal;
  const span =
    timesS.length === 0 ? 'has no samples' : `lasts from ${timesS[0]} s to ${timesS[timesS.length - 1]} s`;
  return new BetzError(
    'LOG_BEHAVIOUR_GAP',
    `'${signal.name}' has no sample near ${centreS.toFixed(3)} s (bin ${bin}); the signal ${span}`,
    { value: centreS, tip: 'Cut the time without behaviour out of the recording, or choose another target.' },
  );
}

function medianInterval(timesS: Float64Array): number {
  if (timesS.length < 2) return 0;
  const intervals = timesS.subarray(1).map((timeS, i) => timeS - timesS[i]);
  return intervals.sort()[intervals.length >> 1];
}
