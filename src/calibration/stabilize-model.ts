/**
 * Stabilisation of any decoder that is trained by gradient, through its read-in: the core was trained on the latents of the
 * reference, and a new day's counts are brought to these latents by a read-in of their own.
 */
import { assert, BetzError } from '../core/errors.ts';
import type { Model, Normalisation, ReadIn, Stabilizer } from '../decoders/decoder.ts';
import { composeReadIn } from '../decoders/read-in.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { latentProjection } from './factor-analysis.ts';
import type { FactorModel } from './factor-analysis.ts';
import { secondMoments } from './second-moments.ts';
import { stabilize } from './stabilize.ts';
import type { Stabilization, StabilizeOptions, StabilizerReference, UnlabelledCounts } from './stabilize.ts';

/**
 * The map from normalised channels to latents: beta (y - d) with y = z / scale + mean, where z is 0 for a channel whose
 * scale is 0 (y is then its mean, as far as the decoder can tell).
 */
export function latentReadIn(
  factors: FactorModel,
  { featureMean, featureScale }: Pick<Normalisation, 'featureMean' | 'featureScale'>,
): ReadIn {
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

/**
 * A model of the reference's channels from one that decodes its latents as if they were channels. The latents' normalisation
 * goes into the core's first map, so that the read-in of any day is that of its factors alone.
 */
export function modelOfLatents(model: Model, reference: StabilizerReference, counts: Float32Array): Model {
  const { latentCount } = reference.factors;
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
    readIn: latentReadIn(reference.factors, channels),
    stabilizer: toStabilizer(reference.factors),
  };
}

/**
 * What a model keeps of its day of calibration.
 * @throws BetzError CAL_STABILIZE_REFERENCE where it keeps nothing
 */
function referenceOf({ stabilizer, features, kind }: Model): StabilizerReference {
  if (stabilizer === undefined) {
    throw new BetzError('CAL_STABILIZE_REFERENCE', `this '${kind}' model keeps no latents to align to`, {
      value: kind,
      tip: 'Calibrate one with `betz calibrate --latents 10`, or calibrate with labels.',
    });
  }
  const { means, loadings, privateVariances } = stabilizer;
  return {
    channelLabels: features.channelLabels,
    factors: {
      latentCount: loadings.shape[1],
      means: Float64Array.from(means),
      loadings: Float64Array.from(loadings.data),
      privateVariances: Float64Array.from(privateVariances),
    },
  };
}

function toStabilizer({ means, loadings, privateVariances, latentCount }: FactorModel): Stabilizer {
  return {
    means: Float32Array.from(means),
    loadings: { shape: [means.length, latentCount], data: Float32Array.from(loadings) },
    privateVariances: Float32Array.from(privateVariances),
  };
}

/**
 * The same model with the read-in of a new day. Its normalisation and its stabilizer stay those of calibration, so that
 * every day is aligned to that one, and no error adds up.
 * @param model from `modelOfLatents`, whatever read-in it has now
 * @param day raw counts, smoothed if the model smooths
 * @throws BetzError CAL_STABILIZE_REFERENCE, and those of `stabilize`
 */
export function stabilizeModel(
  model: Model,
  day: UnlabelledCounts,
  options: StabilizeOptions = {},
): { model: Model; stabilization: Stabilization } {
  const { featureMean, featureScale } = model.normalisation;
  // What the decoder cannot see must not be what the latents are told by.
  const width = day.channelLabels.length;
  const isIgnored = featureScale.some((scale) => scale === 0) && featureScale.length === width;
  const counts = isIgnored
    ? day.counts.map((count, i) => (featureScale[i % width] === 0 ? featureMean[i % width] : count))
    : day.counts;
  const stabilization = stabilize(referenceOf(model), { ...day, counts }, options);
  return {
    model: { ...model, readIn: latentReadIn(stabilization.factors, model.normalisation) },
    stabilization,
  };
}

function channelNormalisation(
  counts: Float32Array,
  channelCount: number,
): Pick<Normalisation, 'featureMean' | 'featureScale'> {
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
