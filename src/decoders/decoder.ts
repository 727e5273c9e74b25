/**
 * The decoder contract: what every kind of decoder offers, and the laws that test/compliance holds it to.
 *
 * Laws: step by step equals the sequence form; save and load mid-stream equals uninterrupted; reset equals
 * fresh; the kernels equal the reference; no allocation over 10,000 steps; constant time per step.
 */
import type { z } from 'zod';
import type { Rng } from '../core/rng.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { Operations, Tensor } from '../tensor/engine.ts';
import type { ParameterUpdate } from '../tensor/optimiser.ts';
import type { DriftReference } from './drift-reference.ts';
import type { StepGraph } from './onnx/step-graph.ts';
import type { StepAccount } from './account.ts';

/** A decoder in service: parameters packed, state inside. One step per bin. */
export interface Decoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  /**
   * Of kinds with spiking neurons: spikes per neuron and bin (and sub-step, where neurons have those), over all bins so far,
   * across resets; NaN before the first.
   */
  readonly spikeRate?: number;
  /**
   * Decodes one bin and advances the state. Allocates nothing.
   * @param features [inputCount] raw features (spike counts, smoothed if the model says so); not kept.
   * @param output [outputCount] in the model's output unit; written.
   */
  step(features: Float32Array, output: Float32Array): void;
  /** Back to the state of a fresh decoder. */
  reset(): void;
  /** Copies the state out. @param into stateBytes long */
  saveState(into: Uint8Array): void;
  /** Copies a state in that saveState of the same model gave. @param from stateBytes long */
  loadState(from: Uint8Array): void;
}

/**
 * A decoder that goes on learning while it is used. `step` only decodes, so that nothing that is learned delays an output; what was
 * learned is part of the state.
 */
export interface LearningDecoder extends Decoder {
  /** What `step` advances: all other state changes in `learn`, `reset` and `loadState` only. */
  readonly core: Decoder;
  /** Counts since it was fresh, by LEARNING. Read it; it is written in place. */
  readonly account: Float64Array;
  /**
   * Learns from the bin that `step` decoded last. Allocates nothing.
   * @param truth [outputCount] in the model's output unit; empty, or not finite, where nobody knows it; not kept
   */
  learn(truth: Float32Array): void;
}

/** Indexes into `LearningDecoder.account`. */
export const LEARNING = {
  /** Bins that were learned from. */
  learnedBins: 0,
  /** Bins that nothing was learned from, because they look like artefacts. */
  heldBins: 1,
  /** How often what was learned was given up because it had made things worse. */
  rollbacks: 2,
  /** 1 while outputs come from the learned readout, 0 while they come from the calibrated one. */
  usesLearnedReadout: 3,
  count: 4,
} as const;

/** A matrix in int8 with a scale per row: w[row][col] = values[row][col] scales[row]. See int8-tensor.ts. */
export interface Int8Rows {
  /** [rows x cols], -127 to 127 */
  values: Int8Array;
  /** [rows], above 0 */
  scales: Float32Array;
}

/** A named float32 tensor, row-major. */
export interface TensorData {
  shape: readonly number[];
  data: Float32Array;
  /** Of a map in an int8 model; `data` is then what it stands for, rounded to float32. */
  int8?: Int8Rows;
}
export type Tensors = Readonly<Record<string, TensorData>>;

export interface ParameterSpec {
  name: string;
  shape: readonly number[];
  /** How training changes it. Default: 'decayed'. */
  update?: ParameterUpdate;
}

/** The sequence form as recorded on an engine. */
export interface SequenceForm {
  /** [time, batch, outputCount] normalised outputs */
  output: Tensor;
  /** Scalars that training adds to its loss. */
  penalties: readonly Tensor[];
}

/** Sizes that follow from the data, not from the config. */
export interface DecoderShape {
  inputCount: number;
  outputCount: number;
}

/**
 * Normalised feature = (raw - featureMean) * featureScale; output = normalised output * outputScale + outputMean.
 * A decoder folds both into its first and last weights, so that raw counts go in and zero counts can be skipped.
 */
export interface Normalisation {
  /** [inputCount] */
  featureMean: Float32Array;
  /** [inputCount]; 0 for a channel to ignore (silent during calibration) */
  featureScale: Float32Array;
  /** [outputCount] */
  outputMean: Float32Array;
  /** [outputCount] */
  outputScale: Float32Array;
}

/** A session's map from its normalised channels to the inputs ("latents") of a core that sessions share: weight z + bias. */
export interface ReadIn {
  /** [latentCount, inputCount] */
  weight: TensorData;
  /** [latentCount] */
  bias: TensorData;
}

/** What a model keeps of a session that its core was trained on: enough to decode it, or to begin another from it. */
export interface SessionReadIn {
  name: string;
  /** [inputCount] of that session */
  channelLabels: readonly string[];
  featureMean: Float32Array;
  featureScale: Float32Array;
  readIn: ReadIn;
}

/**
 * The latents of the day of calibration, which a read-in of another day is aligned to: factor analysis of raw features,
 * y = loadings x + means + noise (calibration/stabilize.ts), and what the core was given then.
 */
export interface Stabilizer {
  /** [inputCount] */
  means: Float32Array;
  /** [inputCount, latentCount] */
  loadings: TensorData;
  /** [inputCount], above 0 */
  privateVariances: Float32Array;
  /** From that day's raw features to the core's inputs. */
  toCore: ReadIn;
}

/** What a read-in made of the data that it was calibrated on: what Hebbian adaptation compares itself with (docs/drift.md). */
export interface ReadInStatistics {
  /** Average of the rule's step, [latentCount, inputCount] */
  rest: TensorData;
  /** Of the latents W z + b, [latentCount] */
  latentMean: Float32Array;
  /** [latentCount, latentCount] */
  latentCovariance: TensorData;
}

/** Everything needed to make a decoder; what a model file holds. */
export interface Model {
  kind: string;
  /** Validated by the kind's configSchema. */
  config: Readonly<Record<string, unknown>>;
  shape: DecoderShape;
  /** Exactly the tensors that the kind's `parameters` lists for `coreShape(model)`. */
  tensors: Tensors;
  /** Of the session that is decoded, before the core; absent: the core takes the normalised channels themselves. */
  readIn?: ReadIn;
  /** The other sessions that the core was trained on, oldest first; only beside a `readIn`. */
  sessions?: readonly SessionReadIn[];
  /** Of the day that the read-in, or a core without one, was trained on; absent where that day's data were too short. */
  stabilizer?: Stabilizer;
  /** Of the read-in, on the data of its session. Only beside a `readIn`. */
  readInStatistics?: ReadInStatistics;
  /** Of the data that it was calibrated on, where they were enough: what a session measures drift from. */
  drift?: DriftReference;
  normalisation: Normalisation;
  features: {
    name: 'spikeCounts';
    /** Causal exponential smoothing y = a y + (1 - a) x before the decoder; 0 is none. */
    smoothing: number;
    channelLabels: readonly string[];
  };
  output: { name: string; labels: readonly string[]; unit: string };
  binMs: number;
  /** How the model came to be; free of anything that a decoder needs. */
  provenance: Readonly<Record<string, unknown>>;
}

/** Names of a map's tensors. */
export interface AffineNames {
  weight: string;
  bias: string;
}

/** What suits a kind in training where the defaults of calibration/calibrate-gradient.ts do not. */
interface TrainingHints {
  peakRate?: number;
  weightDecay?: number;
  windowBins?: number;
  warmUpBins?: number;
  /** How often training goes over its data. */
  passCount?: number;
}

/** A kind of decoder: an island of a few files and one line in the registry. */
export interface DecoderKind {
  readonly name: string;
  readonly configSchema: z.ZodType<Record<string, unknown>>;
  /** 'gradient': trained through `sequence`; 'closedForm': fitted by calibration in one go. */
  readonly training: 'gradient' | 'closedForm';
  readonly trainingHints?: TrainingHints;
  /** Of kinds that are trained by gradient: the affine maps of the features and to the outputs, by their tensors' names. */
  readonly ends?: { input: AffineNames; readout: AffineNames };
  /** What every number of a saved state is, for whoever checks one. */
  readonly stateNumbers: 'float32' | 'float64';
  /** Names and shapes of the learned tensors. @param config valid by configSchema */
  parameters(config: Model['config'], shape: DecoderShape): readonly ParameterSpec[];
  /** Random initial tensors as the authors of the kind do it (zeros for closed-form kinds). */
  initialise(config: Model['config'], shape: DecoderShape, rng: Rng): Tensors;
  /**
   * The whole sequence, differentiable; absent for closed-form kinds.
   * @param input [time, batch, inputCount] normalised features
   */
  sequence?(
    operations: Operations,
    config: Model['config'],
    parameters: Readonly<Record<string, Tensor>>,
    input: Tensor,
  ): SequenceForm;
  /** The same in plain loops from raw features, state fresh: the specification of `step`. [bins x outputCount] */
  referenceSequence(model: Model, features: Float32Array, binCount: number): Float32Array;
  createDecoder(model: Model, kernels: Kernels): Decoder;
  /**
   * Writes `step` into a graph: input `features` [1, inputCount] as `step` takes them, output `output` [1, outputCount]
   * in the model's unit, every state a `graph.state` and a `graph.next`. Absent for closed-form kinds.
   */
  onnxStep?(model: Model, graph: StepGraph): void;
  /** What `step` computes, by its equations. @param config valid by configSchema */
  account(config: Model['config'], shape: DecoderShape): StepAccount;
}
