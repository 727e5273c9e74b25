/**
 * Calibration of any kind of decoder on one recording: fit or train on the first 80 % of time, choose on the last 15 % of
 * that, and report the last 20 % beside the ridge baseline.
 */
import type { Clock } from '../core/clock.ts';
import { assert } from '../core/errors.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { DecoderKind, Model } from '../decoders/decoder.ts';
import { parseConfig } from '../decoders/parse-config.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { calibrateByGradient } from './calibrate-gradient.ts';
import type { GradientHost } from './calibrate-gradient.ts';
import { kalmanSteps } from './closed-form-kalman.ts';
import { wienerSteps } from './closed-form-wiener.ts';
import { decodeRange } from './decode-range.ts';
import { latentTask } from './calibrate-latents.ts';
import { withDriftReference } from './drift/model-drift.ts';
import { learnedData } from './learned-data.ts';
import { layoutParameters } from './step-plan.ts';
import { decodingMetrics } from './metrics.ts';
import type { DecodingMetrics } from './metrics.ts';
import { expectMovement } from './normalisation.ts';
import { splitBins } from './splits.ts';
import { unlabelledCounts } from './stabilize.ts';
import { withReferenceSteps } from './stabilize-model.ts';
import type { Splits } from './splits.ts';
import { inTurns } from './steps.ts';
import type { TrainingOptions, TrainingProgress } from './training.ts';

export interface CalibrationHost extends GradientHost {
  clock: Clock;
}

export interface CalibrationOptions {
  kind: string;
  /** Of the decoder; defaults fill what is missing. */
  config?: Readonly<Record<string, unknown>>;
  /** Of the training, for kinds that are trained by gradient. */
  training?: Partial<TrainingOptions>;
  /** Decode this many latents of the channels, so that `stabilize` can bring the model to another day; default: the channels. */
  latentCount?: number;
  /** The ridge baseline, where a calibration on the same recording has found it before. */
  baseline?: DecodingMetrics;
  onProgress?: (progress: TrainingProgress) => void;
}

export interface Calibration {
  model: Model;
  /** Learned numbers in the model. */
  parameterCount: number;
  /** Gradient steps; 0 for closed-form kinds. */
  stepCount: number;
  trainSeconds: number;
  /** Mean R2 on the validation part, which choices are made by. */
  validationR2: number;
  /** On the test part. */
  test: DecodingMetrics;
  /** The ridge baseline on the same part. */
  baseline: DecodingMetrics;
}

type Fitted = Pick<Model, 'config' | 'shape' | 'tensors' | 'normalisation'> & { smoothing: number };

const NS_PER_S = 1e9;

/** @throws BetzError CAL_*, DEC_KIND_UNKNOWN, DEC_CONFIG_INVALID */
export async function calibrate(
  recording: BinnedRecording,
  options: CalibrationOptions,
  host: CalibrationHost,
): Promise<Calibration> {
  const splits = splitBins(recording.binCount);
  const calibration = await calibrateModel(recording, splits, options, host);
  const model = withDriftReference(calibration.model, recording, splits.fit);
  const provenance = { ...model.provenance, ...learnedData([recording], splits.fit.endBin) };
  return { ...calibration, model: { ...model, provenance } };
}

async function calibrateModel(
  recording: BinnedRecording,
  splits: Splits,
  { latentCount, ...options }: CalibrationOptions,
  host: CalibrationHost,
): Promise<Calibration> {
  const seed = options.training?.seed ?? 1;
  if (latentCount === undefined) {
    const calibration = await calibrateChannels(recording, splits, options, host);
    const day = unlabelledCounts(recording, splits.fit);
    const model = await inTurns(withReferenceSteps(calibration.model, day, seed), () => host.yieldToHost());
    return { ...calibration, model };
  }
  const { latents, toChannels } = await inTurns(
    latentTask(recording, splits.fit, options.kind, { latentCount, seed }),
    () => host.yieldToHost(),
  );
  // Of the channels: the latents' own would flatter the decoder.
  const baseline = options.baseline ?? (await ridgeBaseline(recording, splits, host));
  const calibration = await calibrateChannels(latents, splits, { ...options, baseline }, host);
  return { ...calibration, model: toChannels(calibration.model) };
}

async function calibrateChannels(
  recording: BinnedRecording,
  splits: Splits,
  options: CalibrationOptions,
  host: CalibrationHost,
): Promise<Calibration> {
  const kind = findDecoderKind(options.kind);
  // What cannot be scored is found out before the training, which may take minutes.
  for (const range of [splits.validation, splits.test]) expectMovement(recording.target, range);
  const startNs = host.clock.nowNs();
  const { fitted, stepCount, validationR2, provenance } = await fit(recording, splits, kind, options, host);
  const trainSeconds = (host.clock.nowNs() - startNs) / NS_PER_S;
  const test = score(recording, splits, kind, fitted, host);
  const baseline =
    kind.name === 'wiener' ? test : (options.baseline ?? (await ridgeBaseline(recording, splits, host)));
  const model = toModel(recording, kind, fitted, {
    recording: recording.name,
    binCount: recording.binCount,
    lagMs: recording.lagMs ?? 0,
    splits,
    ...provenance,
    validationR2,
    trainSeconds,
    testR2: test.r2,
    testR2Mean: test.r2Mean,
    baselineR2Mean: baseline.r2Mean,
  });
  return {
    model,
    parameterCount: layoutParameters(kind.parameters(fitted.config, fitted.shape)).count,
    stepCount,
    trainSeconds,
    validationR2,
    test,
    baseline,
  };
}

async function fit(
  recording: BinnedRecording,
  splits: Splits,
  kind: DecoderKind,
  options: CalibrationOptions,
  host: CalibrationHost,
): Promise<{
  fitted: Fitted;
  stepCount: number;
  validationR2: number;
  provenance: Record<string, unknown>;
}> {
  if (kind.training === 'gradient') {
    const config = parseConfig(kind, options.config ?? {});
    const onProgress = options.onProgress ?? ((): void => undefined);
    const result = await calibrateByGradient(
      recording,
      splits,
      kind,
      config,
      options.training ?? {},
      host,
      onProgress,
    );
    return {
      fitted: result.model,
      stepCount: result.options.stepCount,
      validationR2: result.trained.bestR2,
      provenance: {
        training: result.options,
        threadCount: result.threadCount,
        bestStep: result.trained.bestStep,
        checks: result.trained.checks,
      },
    };
  }
  const yieldToHost = (): Promise<void> => host.yieldToHost();
  await yieldToHost();
  if (kind.name === 'kalman') {
    const { model, validationR2 } = await inTurns(
      kalmanSteps(recording, splits, host.makeKernels()),
      yieldToHost,
    );
    return { fitted: model, stepCount: 0, validationR2, provenance: {} };
  }
  assert(kind.name === 'wiener', `nothing here fits a decoder of kind '${kind.name}'`);
  const { model, penalty, validationR2 } = await inTurns(wienerSteps(recording, splits), yieldToHost);
  return { fitted: model, stepCount: 0, validationR2, provenance: { penalty } };
}

async function ridgeBaseline(
  recording: BinnedRecording,
  splits: Splits,
  host: CalibrationHost,
): Promise<DecodingMetrics> {
  const { model } = await inTurns(wienerSteps(recording, splits), () => host.yieldToHost());
  return score(recording, splits, findDecoderKind('wiener'), model, host);
}

function score(
  recording: BinnedRecording,
  splits: Splits,
  kind: DecoderKind,
  fitted: Fitted,
  host: CalibrationHost,
): DecodingMetrics {
  const model = toModel(recording, kind, fitted, {});
  const decoder = kind.createDecoder(model, host.makeKernels());
  return decodingMetrics(recording.target, decodeRange(decoder, model, recording, splits.test), splits.test);
}

function toModel(
  recording: BinnedRecording,
  kind: DecoderKind,
  { smoothing, ...fitted }: Fitted,
  provenance: Model['provenance'],
): Model {
  const { name, labels, unit } = recording.target;
  return {
    kind: kind.name,
    ...fitted,
    features: {
      name: 'spikeCounts',
      smoothing,
      channelLabels: recording.channels.map((channel) => channel.label),
    },
    output: { name, labels, unit },
    binMs: recording.binMs,
    provenance,
  };
}
