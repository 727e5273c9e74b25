/** What a session says about itself: while it runs (for a screen), and when it is over (for a report). */
import type { Adaptation } from '../calibration/adaptive/adaptations.ts';
import { LEARNING } from '../decoders/decoder.ts';
import type { KernelVariant } from '../kernels/kernels.ts';
import type { DriftStatus } from './drift-watch.ts';
import { describeLatencyUs, LATENCY_NAMES } from './latency.ts';
import type { LatencyName, LatencyUs } from './latency.ts';
import type { SampleAccount } from './sample-account.ts';
import type { SessionMemory } from './session-memory.ts';

/** By the labels of the truth, and their plain mean; null where there is no truth to compare with, or it has not varied. */
type AccuracyByLabel = Readonly<Record<string, number>> | null;

export interface SessionStatus {
  bins: number;
  /** Real time since the source was started. */
  seconds: number;
  binMs: number;
  /** Bins that `r2` and `pearson` are over: those whose true behaviour is known. */
  comparedBins: number;
  r2: AccuracyByLabel;
  pearson: AccuracyByLabel;
  /** What `latencyUs` is of: from the scheduled bin edge, or computing alone where there is no schedule. */
  latencyOf: 'endToEndLatency' | 'computeTime';
  latencyUs: LatencyUs;
  latencyByStageUs: Partial<Record<LatencyName, LatencyUs>>;
  deadlineMs: number;
  /** Bins whose output came after the deadline; 0 where there is no schedule. */
  deadlineMisses: number;
  /** Most misses one after the other. */
  deadlineMissRunMax: number;
  /** Bins whose output was replaced by the safe value. */
  nonFiniteBins: number;
  joins: number;
  samples: SampleAccount;
  /** Decoded bins that the main thread fetched too late; they are counted in everything above. */
  recordsLost: number;
  sinks: Record<string, { written: number; lost: number }>;
  /** null where the model in service keeps nothing to measure drift from. */
  drift: DriftStatus | null;
  model: string;
  source: string;
  /** null where the decoder stays as it is. */
  adaptation: AdaptationStatus | null;
}

/** How the decoder in service adapts, since it came into service. */
export interface AdaptationStatus {
  by: readonly Adaptation[];
  learnedBins: number;
  /** Nothing was learned from these: they look like artefacts. */
  heldBins: number;
  /** How often what was learned was given up because it had made things worse. */
  rollbacks: number;
  /** Outputs come from the readout that learns (rls), not from the calibrated one. */
  usesLearnedReadout: boolean;
}

export interface SessionSummary extends SessionStatus {
  /** Of the decode thread while it decoded; null when it died and could not tell. */
  garbageCollections: number | null;
  kernels: KernelVariant;
  /** The threads had real-time scheduling; without it other programs on the machine show in the latency. */
  isRealTime: boolean;
}

/** The part that is read from shared memory. */
export function readMeasures(
  { plan, latency, metrics, account, records }: SessionMemory,
  labels: readonly string[],
): Omit<
  SessionStatus,
  'seconds' | 'binMs' | 'samples' | 'sinks' | 'drift' | 'model' | 'source' | 'adaptation'
> {
  const accuracy = metrics.read();
  const latencyOf = plan.isPaced ? 'endToEndLatency' : 'computeTime';
  return {
    bins: account.binCount(),
    comparedBins: accuracy?.binCount ?? 0,
    r2: byLabel(labels, accuracy?.r2),
    pearson: byLabel(labels, accuracy?.pearsonR),
    latencyOf,
    latencyUs: describeLatencyUs(latency[latencyOf]),
    latencyByStageUs: Object.fromEntries(
      LATENCY_NAMES.filter((name) => latency[name].count() > 0).map((name) => [
        name,
        describeLatencyUs(latency[name]),
      ]),
    ),
    deadlineMs: plan.deadlineNs / 1e6,
    deadlineMisses: account.deadlineMisses(),
    deadlineMissRunMax: account.missRunMax(),
    nonFiniteBins: account.nonFiniteBins(),
    joins: account.joinCount(),
    recordsLost: records.lostCount(),
  };
}

export function adaptationStatus(by: readonly Adaptation[], learning: Float64Array): AdaptationStatus | null {
  if (by.length === 0) return null;
  return {
    by,
    learnedBins: learning[LEARNING.learnedBins],
    heldBins: learning[LEARNING.heldBins],
    rollbacks: learning[LEARNING.rollbacks],
    usesLearnedReadout: learning[LEARNING.usesLearnedReadout] === 1,
  };
}

function byLabel(labels: readonly string[], values: readonly number[] | undefined): AccuracyByLabel {
  if (values === undefined || values.length === 0 || !values.every(Number.isFinite)) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { ...Object.fromEntries(labels.map((label, d) => [label, values[d]])), mean };
}
