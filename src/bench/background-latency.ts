/**
 * `betz bench background`: what a fit in the background costs the decoder. The same paced session twice, by itself and then with a
 * fine-tune of all weights in the fit thread.
 */
import { availableParallelism } from 'node:os';
import { frameAfter, HAND_VELOCITY, simulateRecording } from '../acquisition/simulated/simulate-recording.ts';
import { Rng } from '../core/rng.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { gru } from '../decoders/gru/index.ts';
import { encodeModel } from '../decoders/model-file.ts';
import { parseConfig } from '../decoders/parse-config.ts';
import type { LatencyUs } from '../runtime/latency.ts';
import { Session } from '../runtime/session.ts';
import { SessionFit } from '../runtime/session-fit.ts';
import { stolenSeconds } from './machine.ts';

export interface BackgroundOptions {
  /** Of each of the two sessions. */
  seconds: number;
  channelCount: number;
  hiddenCount: number;
  binMs: number;
  seed: number;
  onProgress?: (line: string) => void;
}

export interface BackgroundPart {
  /** From the scheduled bin edge to the output. */
  latencyUs: LatencyUs;
  bins: number;
  deadlineMs: number;
  deadlineMisses: number;
  isRealTime: boolean;
  /** Training steps of the fit; 0 without one. */
  steps: number;
  stepsPerSecond: number;
  /** Of the time of all cores, taken by the host of a virtual machine (`stolenSeconds`); null where the system does not say. */
  stolenPercent: number | null;
}

/** Of data that the fit learns from. */
const FIT_SECONDS = 60;
/** So many that the fit outlasts any session. */
const STEPS = 1_000_000;

/** @throws BetzError those of `Session`, `calibrateSession` */
export async function benchBackground(
  options: BackgroundOptions,
): Promise<{ idle: BackgroundPart; fitting: BackgroundPart }> {
  const { seed, binMs, channelCount, onProgress } = options;
  const data = simulateRecording({ seed, day: 0, channelCount }, FIT_SECONDS, binMs);
  const model = randomModel(data, options);
  onProgress?.('by itself');
  const idle = await decode(model, options);
  onProgress?.('with a fine-tune of all weights in the background');
  let steps = 0;
  let tellStarted: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (tellStarted = resolve));
  const fit = new SessionFit(
    model,
    data,
    { method: 'full', seed, training: { stepCount: STEPS } },
    {
      onProgress: () => {
        steps++;
        tellStarted();
      },
    },
  );
  try {
    // Latency counts once it trains: the start of a thread is another matter.
    await Promise.race([started, fit.done]);
    const before = steps;
    const fitting = await decode(model, options);
    const count = steps - before;
    return { idle, fitting: { ...fitting, steps: count, stepsPerSecond: count / options.seconds } };
  } finally {
    fit.cancel();
    await fit.done.catch(() => undefined); // cancelled, as asked for
  }
}

async function decode(
  model: Model,
  { seconds, seed, channelCount }: BackgroundOptions,
): Promise<BackgroundPart> {
  const session = await Session.start({
    source: {
      kind: 'simulated',
      config: {
        array: { seed, day: 0, channelCount },
        startFrame: frameAfter(FIT_SECONDS),
        speed: 1,
        frameCount: frameAfter(seconds),
      },
    },
    modelBytes: encodeModel(model),
  });
  const stolenBefore = stolenSeconds();
  const { latencyUs, bins, deadlineMs, deadlineMisses, isRealTime } = await session.done;
  const stolen = (stolenSeconds() - stolenBefore) / (seconds * availableParallelism());
  return {
    ...{ latencyUs, bins, deadlineMs, deadlineMisses, isRealTime, steps: 0, stepsPerSecond: 0 },
    stolenPercent: Number.isNaN(stolen) ? null : 100 * stolen,
  };
}

function randomModel({ channels, binMs }: BinnedRecording, { hiddenCount, seed }: BackgroundOptions): Model {
  const shape = { inputCount: channels.length, outputCount: HAND_VELOCITY.labels.length };
  const config = parseConfig(gru, { hiddenCount });
  return {
    kind: gru.name,
    config,
    shape,
    tensors: gru.initialise(config, shape, new Rng(seed)),
    normalisation: {
      featureMean: new Float32Array(shape.inputCount).fill(0.1),
      featureScale: new Float32Array(shape.inputCount).fill(3),
      outputMean: new Float32Array(shape.outputCount),
      outputScale: new Float32Array(shape.outputCount).fill(1),
    },
    features: { name: 'spikeCounts', smoothing: 0, channelLabels: channels.map(({ label }) => label) },
    output: HAND_VELOCITY,
    binMs,
    provenance: {},
  };
}
