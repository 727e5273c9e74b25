/**
 * Everything that the threads of a session share: rings, histograms, metrics, counts and the stop signal. The main
 * thread makes it; the plan and the buffers travel to the workers, which look at the same memory through the same
 * class.
 */
import { ChunkRing } from '../core/chunk-ring.ts';
import type { ChunkRingLayout } from '../core/chunk-ring.ts';
import { RecordRing } from '../core/record-ring.ts';
import type { RecordRingLayout } from '../core/record-ring.ts';
import { RunningMetrics } from '../core/running-metrics.ts';
import { StopSignal } from '../core/stop-signal.ts';
import { LEARNING } from '../decoders/decoder.ts';
import { DecodeAccount } from './decode-account.ts';
import { createLatencyHistograms, mapLatencyNames } from './latency.ts';
import type { LatencyBuffers, LatencyHistograms } from './latency.ts';

/** Index into `learning`: `LEARNING.rollbacks` of all decoders that were in service. */
export const SESSION_ROLLBACKS = LEARNING.count;

/** Plain data: it crosses the thread border. */
export interface SessionPlan {
  chunks: ChunkRingLayout;
  records: RecordRingLayout;
  framesPerBin: number;
  framePeriodNs: number;
  isPaced: boolean;
  /** The threads ask for real-time scheduling. */
  isRealTime: boolean;
  deadlineNs: number;
  /** Dimensions of the truth that the output is compared with; 0 where it cannot be. */
  comparedDimensions: number;
}

export interface SessionBuffers {
  chunks: SharedArrayBuffer;
  records: SharedArrayBuffer;
  latency: LatencyBuffers;
  metrics: SharedArrayBuffer;
  account: SharedArrayBuffer;
  learning: SharedArrayBuffer;
  stop: SharedArrayBuffer;
}

export class SessionMemory {
  readonly plan: SessionPlan;
  readonly chunks: ChunkRing;
  readonly records: RecordRing;
  readonly latency: LatencyHistograms;
  readonly metrics: RunningMetrics;
  readonly account: DecodeAccount;
  /** The account of the decoder in service, where it learns while it is used, by LEARNING; then SESSION_ROLLBACKS. */
  readonly learning: Float64Array<SharedArrayBuffer>;
  readonly stop: StopSignal;

  constructor(plan: SessionPlan, buffers?: SessionBuffers) {
    this.plan = plan;
    this.chunks = new ChunkRing(plan.chunks, buffers?.chunks);
    this.records = new RecordRing(plan.records, buffers?.records);
    this.latency = createLatencyHistograms(buffers?.latency);
    this.metrics = new RunningMetrics(plan.comparedDimensions, buffers?.metrics);
    this.account = new DecodeAccount(buffers?.account);
    this.learning = new Float64Array(buffers?.learning ?? new SharedArrayBuffer((LEARNING.count + 1) * 8));
    this.stop = new StopSignal(buffers?.stop);
  }

  buffers(): SessionBuffers {
    return {
      chunks: this.chunks.buffer,
      records: this.records.buffer,
      latency: mapLatencyNames((name) => this.latency[name].buffer),
      metrics: this.metrics.buffer,
      account: this.account.buffer,
      learning: this.learning.buffer,
      stop: this.stop.buffer,
    };
  }
}
