/**
 * A model prepared for another session: its channels found among those of the base by their labels, and the features' z-scores
 * moved to the session's own mean and variance. What is left to adapt starts from here.
 */
import { BetzError } from '../../core/errors.ts';
import type { BinnedRecording } from '../../core/recording.ts';
import type { Model, ReadIn, SessionReadIn } from '../../decoders/decoder.ts';
import { precisionOf } from '../../decoders/quantise-model.ts';
import { findDecoderKind } from '../../decoders/registry.ts';
import { smoothFeatures } from '../feature-matrix.ts';
import { columnMoments } from '../normalisation.ts';

/** The base's variance counts as this many seconds of data, so that a few seconds of a slow channel do not blow it up. */
const PRIOR_S = 5;

/**
 * @throws BetzError DEC_BIN_MISMATCH, DEC_OUTPUT_MISMATCH, CAL_CHANNELS_UNMATCHED, CAL_FEATURES_CONSTANT
 */
export function prepareForSession(base: Model, recording: BinnedRecording): Model {
  checkComparable(base, recording);
  const matches = matchChannels(base, recording);
  const normalisation = { ...base.normalisation, ...moveScores(base, recording, matches) };
  const channelLabels = recording.channels.map(({ label }) => label);
  if (isIdentity(matches, base.features.channelLabels.length) && base.readIn === undefined) {
    return { ...base, normalisation };
  }
  const readIn = readInFor(base, matches);
  const sessions = base.readIn === undefined ? [] : [...(base.sessions ?? []), sessionOf(base, base.readIn)];
  const rest = { ...base };
  // What it keeps of its day of calibration is of other channels.
  if (!isIdentity(matches, base.features.channelLabels.length)) delete rest.stabilizer;
  return {
    ...rest,
    shape: { ...base.shape, inputCount: channelLabels.length },
    normalisation,
    features: { ...base.features, channelLabels },
    readIn,
    sessions,
  };
}

/** The same quantities in the same bins, or nothing of the base means anything here. */
function checkComparable(base: Model, { binMs, target }: BinnedRecording): void {
  if (Math.abs(base.binMs - binMs) > 1e-6) {
    throw new BetzError(
      'DEC_BIN_MISMATCH',
      `the model decodes bins of ${base.binMs} ms, and the session has ${binMs} ms`,
      {
        value: binMs,
        tip: 'Bin the session as the model was, or pretrain a model on such bins.',
      },
    );
  }
  const describe = ({ name, labels, unit }: Model['output']): string =>
    `${name} ${labels.join(', ')} in ${unit}`;
  if (describe(base.output) !== describe(target)) {
    throw new BetzError(
      'DEC_OUTPUT_MISMATCH',
      `the model decodes ${describe(base.output)}, and the session has ${describe(target)}`,
      {
        value: describe(target),
        tip: `Choose the behaviour that the model decodes: leave out --target, or give ${base.output.name}.`,
      },
    );
  }
}

/** Of each channel of the session: its place among the base's, or -1. */
function matchChannels({ features }: Model, { channels }: BinnedRecording): Int32Array {
  const places = new Map(features.channelLabels.map((label, index) => [label, index]));
  const matches = Int32Array.from(channels, ({ label }) => places.get(label) ?? -1);
  if (matches.every((place) => place < 0)) {
    throw new BetzError('CAL_CHANNELS_UNMATCHED', 'no channel of the session is known to the model', {
      value: `${channels[0]?.label ?? 'no channels'}, ... beside ${features.channelLabels[0]}, ...`,
      tip: 'Give the channels the labels that they had, or calibrate from scratch.',
    });
  }
  return matches;
}

function isIdentity(matches: Int32Array, channelCount: number): boolean {
  return matches.length === channelCount && matches.every((place, index) => place === index);
}

/** The base's read-in, or the identity, with its columns where the session has the channels; new ones start at zero. */
function readInFor({ readIn, shape }: Model, matches: Int32Array): ReadIn {
  const latentCount = readIn?.weight.shape[0] ?? shape.inputCount;
  const data = new Float32Array(latentCount * matches.length);
  matches.forEach((place, channel) => {
    if (place < 0) return;
    for (let l = 0; l < latentCount; l++) {
      const weight =
        readIn === undefined ? Number(l === place) : readIn.weight.data[l * shape.inputCount + place];
      data[l * matches.length + channel] = weight;
    }
  });
  return {
    weight: { shape: [latentCount, matches.length], data },
    bias: readIn?.bias ?? { shape: [latentCount], data: new Float32Array(latentCount) },
  };
}

function sessionOf({ features, normalisation, provenance }: Model, readIn: ReadIn): SessionReadIn {
  const { featureMean, featureScale } = normalisation;
  const name = [provenance['session'], provenance['recording']].find((value) => typeof value === 'string');
  return {
    name: name ?? 'a session',
    channelLabels: features.channelLabels,
    featureMean,
    featureScale,
    readIn,
  };
}

/** A channel that the base ignored, or does not know, gets the session's own scale. */
function moveScores(
  base: Model,
  recording: BinnedRecording,
  matches: Int32Array,
): { featureMean: Float32Array; featureScale: Float32Array } {
  const { binCount, binMs, segments } = recording;
  // As the decoder gets them, whose z-scores these are.
  const features = smoothFeatures(recording.features, matches.length, segments, base.features.smoothing);
  const { means, deviations } = columnMoments(features, matches.length, { startBin: 0, endBin: binCount });
  if (deviations.every((deviation) => deviation === 0)) {
    throw new BetzError('CAL_FEATURES_CONSTANT', 'no channel varies in the session', {
      value: `${matches.length} channels, ${binCount} bins`,
      tip: 'Check the electrode connections and the spike thresholds, then record again.',
    });
  }
  const priorBins = (PRIOR_S * 1000) / binMs;
  const featureScale = Float32Array.from(matches, (place, channel) => {
    const variance = deviations[channel] ** 2;
    const baseScale = place < 0 ? 0 : base.normalisation.featureScale[place];
    if (variance === 0) return 0; // silent or stuck: it carries nothing, and would blow up if it woke up later
    if (baseScale === 0) return 1 / deviations[channel];
    const priorVariance = 1 / baseScale ** 2;
    return 1 / Math.sqrt((binCount * variance + priorBins * priorVariance) / (binCount + priorBins));
  });
  return { featureMean: Float32Array.from(means), featureScale };
}

/** @throws BetzError CAL_METHOD_UNSUPPORTED */
export function expectGradientKind(model: Model, method: string): void {
  if (precisionOf(model) === 'int8') {
    throw new BetzError('CAL_METHOD_UNSUPPORTED', `an int8 model cannot be calibrated by '${method}'`, {
      value: 'int8',
      tip: 'Calibrate the float32 model that it was made from, then quantise the result.',
    });
  }
  if (findDecoderKind(model.kind).ends !== undefined) return;
  throw new BetzError(
    'CAL_METHOD_UNSUPPORTED',
    `a '${model.kind}' model cannot be calibrated by '${method}'`,
    {
      value: method,
      tip: 'This kind is fitted anew in closed form: use `betz calibrate --decoder`.',
    },
  );
}
