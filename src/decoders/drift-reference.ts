/**
 * What drift is measured from: statistics of calibration data, and what blocks of that data differ by among themselves
 * (calibration/drift/). A model keeps that of the data that it was calibrated on. Lists are float32, as a model file has them.
 */

/**
 * rate: means of channels; spread: logarithms of their variances; tuning: how each channel goes with the latents
 * (regression of the channel on them); latent: mean and covariance of the latents.
 */
export type DriftPart = 'rate' | 'spread' | 'tuning' | 'latent';
export type DriftParts = Record<DriftPart, number>;

/** Of features as the decoder gets them. Lists are [channelCount] unless they say otherwise. */
export interface DriftReference {
  readonly binMs: number;
  /** Time constant of the running averages. */
  readonly windowS: number;
  /** Factor of the smoothing before the latents, per bin. */
  readonly smoothing: number;
  readonly blockCount: number;
  readonly mean: Float32Array;
  /** Spreads are standard deviations of one block from the others, above 0. */
  readonly meanSpread: Float32Array;
  /** Of a channel that never varied 0: it is left out everywhere. */
  readonly variance: Float32Array;
  readonly logVarianceSpread: Float32Array;
  /** Share of bins in which the channel was 0. */
  readonly silentShare: Float32Array;
  /** Longest stretch of bins in which the channel did not change. */
  readonly stillBinsMax: Float32Array;
  /** Of the channels on the latents. [channelCount x latentCount] */
  readonly loadings: Float32Array;
  readonly loadingSpread: Float32Array;
  readonly latentCount: number;
  /** Of the latents: [latentCount], and [latentCount x latentCount], lower triangular, root root^T = covariance. */
  readonly whitening: { readonly mean: Float32Array; readonly root: Float32Array };
  /** The map to the latents where it was found in the data; absent where the caller gave one. [latentCount x channelCount] */
  readonly directions?: Float32Array;
  /** Distance of a block from the others, on average: what an index of 1 means. */
  readonly typical: DriftParts;
  /** The largest part, and the largest index, of any block. */
  readonly blockMax: DriftParts & { readonly index: number };
}
