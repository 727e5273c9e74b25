/**
 * Neural lag: motor cortex is active before the hand moves, so a bin tells more of the behaviour some time after it than of its
 * own. A bin is paired with the behaviour `lagMs` later; between two bins that is the straight line between them.
 */
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording, Segment } from '../core/recording.ts';

/** Closer to a whole bin than this is one. */
const WHOLE_BIN_TOLERANCE = 1e-6;

/**
 * Bins whose behaviour would lie beyond their segment are left out, features and all: at its end, or at its start where the lag
 * is negative (behaviour that leads, as what is felt or seen does). Nothing is taken across a join.
 * @param lagMs 0 gives the recording as it is
 * @throws BetzError LOG_LAG_TOO_LONG where a segment has no bin left
 */
export function lagBehaviour(recording: BinnedRecording, lagMs: number): BinnedRecording {
  const { channels, features, target } = recording;
  const { first, last, share } = lagInBins(recording, lagMs);
  if (first === 0 && last === 0) return recording;
  const kept = keptSegments(recording, lagMs);
  const width = target.labels.length;
  const binCount = countBins(kept);
  const lagged = new Float32Array(binCount * width);
  const laggedFeatures = new Float32Array(binCount * channels.length);
  const laggedSegments: Segment[] = [];
  let at = 0;
  for (const { startBin, endBin } of kept) {
    laggedSegments.push({ startBin: at, endBin: at + endBin - startBin });
    laggedFeatures.set(
      features.subarray(startBin * channels.length, endBin * channels.length),
      at * channels.length,
    );
    for (let bin = startBin; bin < endBin; bin++, at++) {
      for (let axis = 0; axis < width; axis++) {
        const before = target.values[(bin + first) * width + axis];
        const after = target.values[(bin + last) * width + axis];
        lagged[at * width + axis] = before + share * (after - before);
      }
    }
  }
  return {
    ...recording,
    binCount,
    features: laggedFeatures,
    target: { ...target, values: lagged },
    segments: laggedSegments,
    lagMs,
  };
}

/**
 * Where the bins of `lagBehaviour` come from: of each, the bin of its features, and the one in which its behaviour lies.
 * @throws BetzError LOG_LAG_TOO_LONG
 */
export function laggedBins(
  recording: BinnedRecording,
  lagMs: number,
): { features: Int32Array; behaviour: Int32Array } {
  const kept = keptSegments(recording, lagMs);
  const features = new Int32Array(countBins(kept));
  let at = 0;
  for (const { startBin, endBin } of kept) for (let bin = startBin; bin < endBin; bin++) features[at++] = bin;
  const offset = Math.round(lagMs / recording.binMs);
  return { features, behaviour: features.map((bin) => bin + offset) };
}

/** Behaviour is taken from the bins `first` and `last` further on, from the second by the share. */
function lagInBins(
  { binMs }: BinnedRecording,
  lagMs: number,
): { first: number; last: number; share: number } {
  if (!Number.isFinite(lagMs)) throw lagError(`${lagMs} ms is no neural lag`, lagMs);
  const lagBins = lagMs / binMs;
  const nearest = Math.round(lagBins);
  if (Math.abs(lagBins - nearest) < WHOLE_BIN_TOLERANCE) return { first: nearest, last: nearest, share: 0 };
  const first = Math.floor(lagBins);
  return { first, last: first + 1, share: lagBins - first };
}

/** The bins of each segment whose behaviour lies within it. */
function keptSegments(recording: BinnedRecording, lagMs: number): Segment[] {
  const { segments, binMs, name } = recording;
  const { first, last } = lagInBins(recording, lagMs);
  const kept = segments.map(({ startBin, endBin }) => ({
    startBin: Math.max(startBin, startBin - first),
    endBin: Math.min(endBin, endBin - last),
  }));
  const short = segments.find((_, i) => kept[i].endBin <= kept[i].startBin);
  if (short === undefined) return kept;
  const lengthMs = (short.endBin - short.startBin) * binMs;
  throw lagError(
    `a lag of ${lagMs} ms leaves nothing of a stretch of ${lengthMs} ms in '${name}' (from bin ${short.startBin})`,
    lagMs,
  );
}

function countBins(segments: readonly Segment[]): number {
  return segments.reduce((sum, { startBin, endBin }) => sum + endBin - startBin, 0);
}

function lagError(problem: string, lagMs: number): BetzError {
  return new BetzError('LOG_LAG_TOO_LONG', problem, {
    value: lagMs,
    tip: 'Give the lag in milliseconds, shorter than every trial; 50 to 150 is usual for motor cortex.',
  });
}
