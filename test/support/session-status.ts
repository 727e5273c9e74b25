/** What a session says about itself, made up. */
import type { LatencyUs } from '../../src/runtime/latency.ts';
import type { SessionSummary } from '../../src/runtime/session-summary.ts';

const LATENCY: LatencyUs = { count: 250, mean: 31, p50: 30, p90: 40, p99: 61.4, p999: 9999, max: 12_345 };

/** Of a paced session, 65 s old, with losses of every kind. */
export function sessionSummary(changes: Partial<SessionSummary> = {}): SessionSummary {
  return {
    bins: 3250,
    seconds: 65.4,
    binMs: 20,
    comparedBins: 3250,
    r2: { x: 0.91234, y: 0.5, mean: 0.70617 },
    pearson: { x: 0.95, y: 0.7, mean: 0.825 },
    latencyOf: 'endToEndLatency',
    latencyUs: LATENCY,
    latencyByStageUs: { computeTime: LATENCY },
    deadlineMs: 20,
    deadlineMisses: 3,
    deadlineMissRunMax: 2,
    nonFiniteBins: 0,
    joins: 0,
    samples: {
      produced: 1000,
      received: 980,
      lost: 20,
      processed: 960,
      dropped: 21,
      lostByReason: { ringFull: 20 },
      droppedByReason: { partialBin: 21 },
    },
    recordsLost: 0,
    sinks: {},
    drift: null,
    model: 'model.safetensors',
    source: 'simulated array',
    garbageCollections: 0,
    kernels: 'relaxed',
    isRealTime: false,
    adaptation: null,
    ...changes,
  };
}

/** The same where nothing keeps the time. */
export function unpacedSummary(changes: Partial<SessionSummary> = {}): SessionSummary {
  return sessionSummary({ latencyOf: 'computeTime', deadlineMisses: 0, deadlineMissRunMax: 0, ...changes });
}
