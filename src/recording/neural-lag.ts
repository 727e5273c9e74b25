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
  const { binMs, channels, features, target, segments, name } = recording;
  if (!Number.isFinite(lagMs)) throw lagError(`${lagMs} ms is no neural lag`, lagMs);
  const lagBins = lagMs / binMs;
  const nearest = Math.round(lagBins);
  const isWhole = Math.abs(lagBins - nearest) < WHOLE_BIN_TOLERANCE;
  if (isWhole && nearest === 0) return recording;
  const first = isWhole ? nearest : Math.floor(lagBins);
  const share = isWhole ? 0 : lagBins - first; // of the bin after `first`
  const last = isWhole ? first : first + 1;
  const kept: Segment[] = segments.map(({ startBin, endBin }) => ({
    startBin: Math.max(startBin, startBin - first),
    endBin: Math.min(endBin, endBin - last),
  }));
  const short = segments.find((_, i) => kept[i].endBin <= kept[i].startBin);
  if (short !== undefined) {
    const lengthMs = (short.endBin - short.startBin) * binMs;
    throw lagError(
      `a lag of ${lagMs} ms leaves nothing of a stretch of ${lengthMs} ms in '${name}' (from bin ${short.startBin})`,
      lagMs,
    );
  }
  const width = target.labels.length;
  const binCount = kept.reduce((sum, { startBin, endBin }) => sum + endBin - startBin, 0);
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

function lagError(problem: string, lagMs: number): BetzError {
  return new BetzError('LOG_LAG_TOO_LONG', problem, {
    value: lagMs,
    tip: 'Give the lag in milliseconds, shorter than every trial; 50 to 150 is usual for motor cortex.',
  });
}
