/**
 * What a training step is timed on: a decoder with random weights and windows of random data, the same for every program.
 * Dropout is off, because its masks are each program's own.
 */
import { layoutParameters } from '../calibration/step-plan.ts';
import type { ParameterLayout, StepPlan, TrainingData } from '../calibration/step-plan.ts';
import { Rng } from '../core/rng.ts';
import type { DecoderKind } from '../decoders/decoder.ts';
import { gru } from '../decoders/gru/index.ts';
import { parseConfig } from '../decoders/parse-config.ts';

export interface TrainingSizes {
  inputCount: number;
  /** Of GRUs. */
  hiddenCount: number;
  /** Of the other kinds, which have their default number of layers. */
  width: number;
  batchCount: number;
  windowBins: number;
  seed: number;
}

export interface TrainingSubject {
  kind: DecoderKind;
  /** Inputs and hidden units or width, e.g. '96-256'. */
  size: string;
  plan: StepPlan;
  data: TrainingData;
  /** First bins of the batch's windows. */
  starts: Int32Array;
  layout: ParameterLayout;
  /** Flat vector. */
  parameters: Float32Array;
}

/** One batch, time-major as programs take it. T bins, B windows, I inputs, O outputs. */
export interface TrainingBatch {
  /** [T, B, I] */
  input: Float32Array;
  /** [T, B, O] */
  target: Float32Array;
  /** [T]: of each bin in the loss */
  weight: Float32Array;
}

/** How every program changes the parameters. */
export const UPDATE = { learningRate: 1e-4, weightDecay: 0.01, clipNorm: 1 };

const OUTPUT_COUNT = 2;
const WARM_UP_BINS = 10;
/** Windows overlap: each starts this many bins after the one before, on average. */
const BINS_PER_WINDOW = 10;

/** @throws BetzError DEC_CONFIG_INVALID */
export function createTrainingSubject(kind: DecoderKind, sizes: TrainingSizes): TrainingSubject {
  const { inputCount, windowBins, batchCount, seed } = sizes;
  const rng = new Rng(seed);
  const binCount = windowBins + BINS_PER_WINDOW * batchCount;
  const shape = { inputCount, outputCount: OUTPUT_COUNT };
  const width = kind === gru ? sizes.hiddenCount : sizes.width;
  const config = parseConfig(kind, {
    [kind === gru ? 'hiddenCount' : 'width']: width,
    inputDropout: 0,
    layerDropout: 0,
  });
  const data = {
    features: Float32Array.from({ length: binCount * inputCount }, () => rng.normal()),
    targets: Float32Array.from({ length: binCount * OUTPUT_COUNT }, () => rng.normal()),
  };
  const layout = layoutParameters(kind.parameters(config, shape));
  const parameters = new Float32Array(layout.count);
  const initial = kind.initialise(config, shape, new Rng(seed));
  for (const { name, offset } of layout.entries) parameters.set(initial[name].data, offset);
  return {
    kind,
    size: `${inputCount}-${width}`,
    plan: {
      kind: kind.name,
      config,
      shape,
      windowBins,
      batchCount,
      warmUpBins: Math.min(WARM_UP_BINS, windowBins - 1),
      seed,
    },
    data,
    starts: Int32Array.from({ length: batchCount }, () => rng.integer(binCount - windowBins)),
    layout,
    parameters,
  };
}

/** The subject's windows, gathered for a program that does not do it itself. */
export function trainingBatchOf({ plan, data, starts }: TrainingSubject): TrainingBatch {
  const { windowBins, batchCount, warmUpBins, shape } = plan;
  const gathered = (rows: Float32Array, rowLength: number): Float32Array => {
    const out = new Float32Array(windowBins * batchCount * rowLength);
    for (let t = 0; t < windowBins; t++) {
      for (let b = 0; b < batchCount; b++) {
        const from = (starts[b] + t) * rowLength;
        out.set(rows.subarray(from, from + rowLength), (t * batchCount + b) * rowLength);
      }
    }
    return out;
  };
  return {
    input: gathered(data.features, shape.inputCount),
    target: gathered(data.targets, shape.outputCount),
    weight: Float32Array.from({ length: windowBins }, (_, bin) => (bin < warmUpBins ? 0 : 1)),
  };
}
