/** The decoders of the drift benchmark, calibrated on one recording of the simulated array. */
import { calibrate } from '../calibration/calibrate.ts';
import type { CalibrationHost } from '../calibration/calibrate.ts';
import { principalDirections } from '../calibration/drift/latent-map.ts';
import { normalisedChannels, smoothFeatures } from '../calibration/feature-matrix.ts';
import { fitNormalisation } from '../calibration/normalisation.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';

const LATENT_COUNT = 10;
const SMOOTHING_MS = 150;

export interface DriftSubjects {
  wiener: Model;
  /** A GRU behind a read-in: the principal directions of the smoothed z-scores. */
  gru: Model;
}

export async function driftSubjects(
  recording: BinnedRecording,
  seed: number,
  hiddenCount: number,
  host: CalibrationHost,
): Promise<DriftSubjects> {
  const { model: wiener } = await calibrate(recording, { kind: 'wiener' }, host);
  return { wiener, gru: await readInGru(recording, seed, hiddenCount, host) };
}

/** The core is trained on the latents as if they were channels; the z-scores of its inputs then go into the read-in. */
async function readInGru(
  recording: BinnedRecording,
  seed: number,
  hiddenCount: number,
  host: CalibrationHost,
): Promise<Model> {
  const { binCount, binMs, features, target, segments } = recording;
  const channelCount = recording.channels.length;
  const latentCount = Math.min(LATENT_COUNT, channelCount);
  const normalisation = fitNormalisation(features, channelCount, target, { startBin: 0, endBin: binCount });
  const weight = readInDirections(recording, normalisation, latentCount);
  const scores = normalisedChannels(features, channelCount, binCount, normalisation);
  const latents = new Float32Array(binCount * latentCount);
  for (let r = 0; r < latentCount; r++) {
    for (let c = 0; c < channelCount; c++) {
      const w = weight[r * channelCount + c];
      for (let bin = 0; bin < binCount; bin++)
        latents[bin * latentCount + r] += w * scores[c * binCount + bin];
    }
  }
  const channels = Array.from({ length: latentCount }, (_, r) => ({ label: `latent ${r + 1}`, unit: '' }));
  const { model } = await calibrate(
    { ...recording, features: latents, channels, segments },
    { kind: 'gru', config: { hiddenCount }, training: { seed } },
    host,
  );
  const { featureMean, featureScale } = model.normalisation;
  return {
    ...model,
    binMs,
    shape: { ...model.shape, inputCount: channelCount },
    features: { ...model.features, channelLabels: recording.channels.map(({ label }) => label) },
    normalisation: {
      ...model.normalisation,
      featureMean: normalisation.featureMean,
      featureScale: normalisation.featureScale,
    },
    readIn: {
      weight: {
        shape: [latentCount, channelCount],
        data: Float32Array.from(weight, (w, i) => w * featureScale[Math.floor(i / channelCount)]),
      },
      bias: { shape: [latentCount], data: featureMean.map((mean, r) => -mean * featureScale[r]) },
    },
  };
}

function readInDirections(
  { features, segments, binMs, binCount, channels }: BinnedRecording,
  normalisation: Model['normalisation'],
  latentCount: number,
): Float64Array {
  const channelCount = channels.length;
  const smoothed = smoothFeatures(features, channelCount, segments, Math.exp(-binMs / SMOOTHING_MS));
  const scores = new Float64Array(binCount * channelCount);
  for (let i = 0; i < scores.length; i++) {
    const c = i % channelCount;
    scores[i] = (smoothed[i] - normalisation.featureMean[c]) * normalisation.featureScale[c];
  }
  return principalDirections(scores, channelCount, latentCount);
}
