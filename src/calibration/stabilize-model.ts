/**
 * Stabilisation of any decoder that is trained by gradient, through its read-in. The core is given on a new day what the read-in
 * of the day of calibration makes of counts that the channels would have had then. Of those, what channels share is told by the
 * latents: C x + d. What a channel has besides is passed on where the channel stayed as it was, and left out where it changed.
 * All of it is linear, and so one read-in again.
 */
import { assert, BetzError } from '../core/errors.ts';
import type { Model, Normalisation, ReadIn, Stabilizer } from '../decoders/decoder.ts';
import { composeReadIn } from '../decoders/read-in.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { latentProjection } from './factor-analysis.ts';
import type { FactorModel } from './factor-analysis.ts';
import { secondMoments } from './second-moments.ts';
import { DEFAULT_LATENT_COUNT, referenceSteps, stabilizeSteps } from './stabilize.ts';
import type { Stabilization, StabilizeOptions, StabilizerReference, UnlabelledCounts } from './stabilize.ts';
import { inOneGo } from './steps.ts';
import type { Steps } from './steps.ts';

type ChannelNormalisation = Pick<Normalisation, 'featureMean' | 'featureScale'>;

/**
 * A model of the reference's channels from one that decodes its latents as if they were channels. The latents' normalisation
 * goes into the core's first map, so that the read-in of any day is that of its factors alone.
 */
export function modelOfLatents(model: Model, reference: StabilizerReference, counts: Float32Array): Model {
  const { factors } = reference;
  const { latentCount } = factors;
  const { ends } = findDecoderKind(model.kind);
  assert(ends !== undefined, `a '${model.kind}' model has no read-in`);
  assert(model.readIn === undefined && model.shape.inputCount === latentCount, 'the model decodes latents');
  const { featureMean, featureScale, outputMean, outputScale } = model.normalisation;
  const scaling: ReadIn = {
    weight: { shape: [latentCount, latentCount], data: diagonal(featureScale) },
    bias: { shape: [latentCount], data: featureScale.map((scale, l) => -scale * featureMean[l]) },
  };
  const { weight, bias } = ends.input;
  const first = composeReadIn(model.tensors[weight], model.tensors[bias].data, scaling);
  const channels = channelNormalisation(counts, reference.channelLabels.length);
  const readIn = latentReadIn(factors, channels);
  return {
    ...model,
    shape: { ...model.shape, inputCount: reference.channelLabels.length },
    tensors: {
      ...model.tensors,
      [weight]: first.weight,
      [bias]: { shape: [first.bias.length], data: first.bias },
    },
    normalisation: { ...channels, outputMean, outputScale },
    features: { ...model.features, channelLabels: reference.channelLabels },
    readIn,
    stabilizer: toStabilizer(factors, fromCounts(readIn, channels)),
  };
}

/** Latents of few channels are not to be told from their noise. */
const CHANNELS_PER_LATENT = 3;

/**
 * The same model with the latents of the day that its read-in (or first map) was learned on, so that it can be stabilised. Data too
 * short to find latents in leave it without, and so does a kind that has no read-in: it decodes all the same.
 * @param day raw counts that the model was trained on
 */
export function withReference(model: Model, day: UnlabelledCounts, seed: number): Model {
  return inOneGo(withReferenceSteps(model, day, seed));
}

/** The same in steps of a part of a second. */
export function* withReferenceSteps(model: Model, day: UnlabelledCounts, seed: number): Steps<Model> {
  const rest = { ...model };
  delete rest.stabilizer;
  if (findDecoderKind(model.kind).ends === undefined) return rest;
  const { readIn, normalisation } = model;
  const channelCount = day.channelLabels.length;
  const latentCount = Math.max(
    1,
    Math.min(DEFAULT_LATENT_COUNT, Math.floor(channelCount / CHANNELS_PER_LATENT)),
  );
  try {
    const { factors } = yield* referenceSteps(day, { latentCount, seed });
    return {
      ...rest,
      stabilizer: toStabilizer(factors, fromCounts(readIn ?? identity(channelCount), normalisation)),
    };
  } catch (cause) {
    if (cause instanceof BetzError) return rest;
    throw cause;
  }
}

/**
 * The map from normalised channels to latents: beta (y - d) with y = z / scale + mean, where z is 0 for a channel whose
 * scale is 0 (y is then its mean, as far as the decoder can tell).
 */
function latentReadIn(factors: FactorModel, { featureMean, featureScale }: ChannelNormalisation): ReadIn {
  const { latentCount, means } = factors;
  const channelCount = means.length;
  const beta = latentProjection(factors);
  const weight = new Float32Array(latentCount * channelCount);
  const bias = new Float32Array(latentCount);
  for (let l = 0; l < latentCount; l++) {
    let offset = 0;
    for (let i = 0; i < channelCount; i++) {
      if (featureScale[i] === 0) continue;
      weight[l * channelCount + i] = beta[l * channelCount + i] / featureScale[i];
      offset += beta[l * channelCount + i] * (featureMean[i] - means[i]);
    }
    bias[l] = offset;
  }
  return {
    weight: { shape: [latentCount, channelCount], data: weight },
    bias: { shape: [latentCount], data: bias },
  };
}

/** The read-in of raw counts y in place of normalised ones, z = S (y - mean). */
function fromCounts(readIn: ReadIn, { featureMean, featureScale }: ChannelNormalisation): ReadIn {
  const { length } = featureMean;
  return composed(readIn, {
    weight: { shape: [length, length], data: diagonal(featureScale) },
    bias: { shape: [length], data: featureMean.map((mean, i) => -mean * featureScale[i]) },
  });
}

function identity(count: number): ReadIn {
  return {
    weight: { shape: [count, count], data: diagonal(new Float32Array(count).fill(1)) },
    bias: { shape: [count], data: new Float32Array(count) },
  };
}

/**
 * From a new day's normalised counts z to the counts that the reference's channels would have had:
 * C x + d + k (y - C' x - d') with x = beta' (y - d') and y = z / S + mean, where k is 1 for channels that stayed and 0 for others.
 */
function toReferenceCounts(
  reference: FactorModel,
  { factors, dropped }: Stabilization,
  { featureMean, featureScale }: Normalisation,
  channelLabels: readonly string[],
): ReadIn {
  const { latentCount, means } = reference;
  const count = means.length;
  const left = new Set(dropped.map(({ label }) => label));
  const beta = latentProjection(factors);
  const weight = new Float32Array(count * count);
  const bias = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const isKept = !left.has(channelLabels[i]);
    let offset = means[i];
    for (let j = 0; j < count; j++) {
      let sum = isKept && i === j ? 1 : 0;
      for (let l = 0; l < latentCount; l++) {
        const at = i * latentCount + l;
        sum += (reference.loadings[at] - (isKept ? factors.loadings[at] : 0)) * beta[l * count + j];
      }
      offset += sum * (featureMean[j] - factors.means[j]);
      if (featureScale[j] > 0) weight[i * count + j] = sum / featureScale[j];
    }
    bias[i] = offset;
  }
  return { weight: { shape: [count, count], data: weight }, bias: { shape: [count], data: bias } };
}

/** One map after another. */
function composed(map: ReadIn, first: ReadIn): ReadIn {
  const { weight, bias } = composeReadIn(map.weight, map.bias.data, first);
  return { weight, bias: { shape: [bias.length], data: bias } };
}

/**
 * What a model keeps of its day of calibration.
 * @throws BetzError CAL_STABILIZE_REFERENCE where it keeps nothing
 */
export function expectStabilizer({ stabilizer, kind }: Model): Stabilizer {
  if (stabilizer !== undefined) return stabilizer;
  throw new BetzError('CAL_STABILIZE_REFERENCE', `this '${kind}' model keeps no latents to align to`, {
    value: kind,
    tip: 'Calibrate one on a minute or more of data with `betz calibrate` or `betz pretrain`, or calibrate with labels.',
  });
}

function toStabilizer(
  { means, loadings, privateVariances, latentCount }: FactorModel,
  toCore: ReadIn,
): Stabilizer {
  return {
    means: Float32Array.from(means),
    loadings: { shape: [means.length, latentCount], data: Float32Array.from(loadings) },
    privateVariances: Float32Array.from(privateVariances),
    toCore,
  };
}

interface StabilizedModel {
  model: Model;
  stabilization: Stabilization;
}

/**
 * The same model with the read-in of a new day. Its normalisation and its stabilizer stay those of calibration, so that
 * every day is aligned to that one, and no error adds up.
 * @param model from `modelOfLatents` or `withReference`, whatever read-in it has now
 * @param day raw counts, smoothed if the model smooths
 * @throws BetzError CAL_STABILIZE_REFERENCE, and those of `stabilize`
 */
export function stabilizeModel(
  model: Model,
  day: UnlabelledCounts,
  options?: StabilizeOptions,
): StabilizedModel {
  return inOneGo(stabilizeModelSteps(model, day, options));
}

/** The same in steps of a part of a second. */
export function* stabilizeModelSteps(
  model: Model,
  day: UnlabelledCounts,
  options?: StabilizeOptions,
): Steps<StabilizedModel> {
  const { means, loadings, privateVariances, toCore } = expectStabilizer(model);
  const { featureMean, featureScale } = model.normalisation;
  // What the decoder cannot see must not be what the latents are told by.
  const width = day.channelLabels.length;
  const isIgnored = featureScale.some((scale) => scale === 0) && featureScale.length === width;
  const counts = isIgnored
    ? day.counts.map((count, i) => (featureScale[i % width] === 0 ? featureMean[i % width] : count))
    : day.counts;
  const { channelLabels } = model.features;
  const factors: FactorModel = {
    latentCount: loadings.shape[1],
    means: Float64Array.from(means),
    loadings: Float64Array.from(loadings.data),
    privateVariances: Float64Array.from(privateVariances),
  };
  const stabilization = yield* stabilizeSteps({ channelLabels, factors }, { ...day, counts }, options);
  const toCounts = toReferenceCounts(factors, stabilization, model.normalisation, channelLabels);
  return { model: { ...model, readIn: composed(toCore, toCounts) }, stabilization };
}

function channelNormalisation(counts: Float32Array, channelCount: number): ChannelNormalisation {
  const { means, covariance } = secondMoments(counts, channelCount);
  return {
    featureMean: Float32Array.from(means),
    featureScale: Float32Array.from(means, (_, i) => {
      const variance = covariance[i * (channelCount + 1)];
      return variance === 0 ? 0 : 1 / Math.sqrt(variance);
    }),
  };
}

function diagonal(values: Float32Array): Float32Array {
  const matrix = new Float32Array(values.length ** 2);
  values.forEach((value, i) => (matrix[i * (values.length + 1)] = value));
  return matrix;
}
