/** What the commands print with --json: exactly these fields, except that `run` may say more. */
import { z } from 'zod';

const accuracy = z.strictObject({ x: z.number(), y: z.number(), mean: z.number() });
const count = z.int().nonnegative();

export const calibrateReport = z.strictObject({
  decoder: z.string(),
  parameters: count,
  trainSeconds: z.number().positive(),
  steps: count,
  r2: accuracy,
  baselineR2: accuracy,
  out: z.string(),
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
  r2VarianceWeighted: z.number(),
  pearsonR: accuracy.omit({ mean: true }),
  model: z.string(),
  recording: z.string(),
});

const latency = z.object({
  p50: z.number(),
  p90: z.number(),
  p99: z.number(),
  p999: z.number(),
  max: z.number(),
});

export const runReport = z.object({
  bins: count,
  seconds: z.number().positive(),
  r2: accuracy.nullable(),
  latencyOf: z.enum(['endToEndLatency', 'computeTime']),
  latencyUs: latency,
  deadlineMisses: count,
  joins: count,
  samples: z.object({ produced: count, received: count, lost: count, processed: count, dropped: count }),
  sinks: z.record(z.string(), z.strictObject({ written: count, lost: count })),
  model: z.string(),
  source: z.string(),
  recording: z.string().nullable(),
  state: z.string().nullable(),
});
