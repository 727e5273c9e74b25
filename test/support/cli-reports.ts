/** What the commands print with --json: exactly these fields, except that `run` may say more. */
import { z } from 'zod';

const accuracy = z.strictObject({ x: z.number(), y: z.number(), mean: z.number() });
const count = z.int().nonnegative();
export const driftReference = z
  .strictObject({ windowS: z.number(), blockCount: count, threshold: z.number() })
  .nullable();

export const calibrateReport = z.strictObject({
  decoder: z.string(),
  parameters: count,
  trainSeconds: z.number().positive(),
  steps: count,
  lagMs: z.number(),
  r2: accuracy,
  baselineR2: accuracy,
  drift: driftReference,
  out: z.string(),
  previous: z.string().nullable(),
});

export const seededReport = calibrateReport.extend({
  chosenSeed: count,
  seeds: z.array(
    z.strictObject({ seed: count, r2: accuracy, validationR2: z.number(), trainSeconds: z.number() }),
  ),
  spread: z.strictObject({ mean: z.number(), deviation: z.number(), min: z.number(), max: z.number() }),
});

export const evaluateReport = z.strictObject({
  decoder: z.string(),
  bins: count,
  r2: accuracy,
  lagMs: z.number(),
  trainedBins: count,
  r2VarianceWeighted: z.number(),
  pearsonR: accuracy.omit({ mean: true }),
  model: z.string(),
  recording: z.string(),
});

const scalarOperations = z.strictObject({ multiplications: count, additions: count, functions: count });
const map = z.strictObject({
  name: z.string(),
  rows: count,
  cols: count,
  inputs: z.enum(['counts', 'spikes', 'activations', 'history', 'real']),
});

export const infoReport = z.strictObject({
  decoder: z.string(),
  config: z.record(z.string(), z.unknown()),
  shape: z.strictObject({ inputCount: count, outputCount: count }),
  smoothing: z.number(),
  output: z.strictObject({ name: z.string(), labels: z.array(z.string()), unit: z.string() }),
  lagMs: z.number(),
  binMs: z.number(),
  readIn: z.strictObject({ latents: count, otherSessions: z.array(z.string()) }).nullable(),
  drift: driftReference,
  provenance: z.record(z.string(), z.unknown()),
  precision: z.enum(['float32', 'int8']),
  parameters: count,
  bytes: z.strictObject({ float32: count, int8: count.nullable() }),
  stateBytes: count,
  connectionSparsity: z.number(),
  denseOperations: count,
  maps: z.array(map),
  stateUpdates: z.array(scalarOperations.extend({ name: z.string() })),
  stateUpdateTotal: scalarOperations,
  measured: z
    .strictObject({
      binCount: count,
      effectiveMacs: z.number(),
      effectiveAcs: z.number(),
      countMacs: z.number(),
      activationSparsity: z.number(),
      spikeRate: z.number().nullable(),
      maps: z.array(
        map.extend({
          effectiveOperations: z.number(),
          operation: z.enum(['MAC', 'AC']),
          inputDensity: z.number(),
        }),
      ),
      energyEstimatePj: z.strictObject({ maps: z.number(), stateUpdates: z.number() }),
      recording: z.string(),
    })
    .nullable(),
  model: z.string(),
});

const latency = z.object({
  p50: z.number(),
  p90: z.number(),
  p99: z.number(),
  p999: z.number(),
  max: z.number(),
});

const distribution = latency.extend({ count });
const modeTimes = z.strictObject({
  warmUs: distribution,
  pacedUs: distribution,
  pacedWarmedUs: distribution,
});

export const quantizeReport = z.strictObject({
  decoder: z.string(),
  bytes: z.strictObject({ before: count, after: count }),
  r2: z.strictObject({ before: accuracy, after: accuracy, lost: z.number() }).nullable(),
  latency: z.strictObject({
    before: modeTimes,
    after: modeTimes,
    speedup: z.strictObject({ warm: z.number(), paced: z.number(), warmed: z.number() }),
  }),
  machine: z.object({ cpu: z.string(), node: z.string(), load1: z.number() }),
  recording: z.string().nullable(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  out: z.string(),
  previous: z.string().nullable(),
});

export const runReport = z.object({
  bins: count,
  seconds: z.number().positive(),
  comparedBins: count,
  r2: accuracy.nullable(),
  latencyOf: z.enum(['endToEndLatency', 'computeTime']),
  latencyUs: latency,
  deadlineMisses: count,
  joins: count,
  samples: z.object({ produced: count, received: count, lost: count, processed: count, dropped: count }),
  sinks: z.record(z.string(), z.strictObject({ written: count, lost: count })),
  drift: z
    .strictObject({
      index: z.number(),
      threshold: z.number(),
      withdrawalThreshold: z.number(),
      parts: z.strictObject({ rate: z.number(), spread: z.number(), tuning: z.number(), latent: z.number() }),
      isRecalibrationAdvised: z.boolean(),
      advisedSinceBin: count.nullable(),
      reasons: z.array(z.enum(['lostChannels', 'rateChange', 'tuningChange'])),
      lostChannels: z.array(z.string()),
      rateDirection: z.enum(['up', 'down', 'mixed']),
      ignoredBins: count,
    })
    .nullable(),
  model: z.string(),
  source: z.string(),
  recording: z.string().nullable(),
  state: z.string().nullable(),
});
