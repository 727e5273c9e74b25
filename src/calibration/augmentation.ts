/**
 * Windows as another day might have recorded them: channels lost, gains and rates moved, counts noisier, movement a little
 * earlier or later. Drawn anew for every window of every step, from the step's number and the window's place in the batch, so that a
 * training is the same on any number of threads.
 *
 * Channel dropout and rate changes as in Sussillo et al. 2016 (Nat Commun 7:13749), which trained on perturbed inputs to make
 * recurrent decoders robust.
 */
import { hash32, Rng } from '../core/rng.ts';

export interface Augmentation {
  /** Chance that a feature of a bin is zeroed; what is left is scaled up by as much. */
  dropout: number;
  /** Chance that a channel falls silent for the whole window. */
  channelDropout: number;
  /** Standard deviation of the logarithm of a channel's gain. */
  gainSpread: number;
  /** Standard deviation of a channel's offset, in its own standard deviations. */
  offsetSpread: number;
  /** Standard deviation of the noise of every feature, in the channel's own standard deviations. */
  noise: number;
  /** Behaviour moves against the features by up to this many bins. */
  shiftBins: number;
}

export const NO_AUGMENTATION: Augmentation = {
  dropout: 0,
  channelDropout: 0,
  gainSpread: 0,
  offsetSpread: 0,
  noise: 0,
  shiftBins: 0,
};

/** What one window goes through: z' = gain z + offset. */
export class WindowAugmenter {
  /** Of the window drawn last: bins from a feature to its target. */
  shiftBins = 0;
  private readonly settings: Augmentation;
  private readonly gain: Float32Array;
  private readonly offset: Float32Array;
  private rng = new Rng(0);

  /** @param channelCountMax of all sessions */
  constructor(settings: Augmentation, channelCountMax: number) {
    this.settings = settings;
    this.gain = new Float32Array(channelCountMax);
    this.offset = new Float32Array(channelCountMax);
  }

  /**
   * @param step, row which window
   * @param restLevels [channelCount] normalised distance from no spikes to the mean
   */
  draw(seed: number, step: number, row: number, channelCount: number, restLevels?: Float32Array): void {
    const { channelDropout, gainSpread, offsetSpread, shiftBins } = this.settings;
    const rng = new Rng(hash32(seed, step, row));
    for (let channel = 0; channel < channelCount; channel++) {
      const rest = restLevels === undefined ? 0 : restLevels[channel];
      const isLost = channelDropout > 0 && rng.uniform() < channelDropout;
      const gain = isLost ? 0 : gainSpread > 0 ? Math.exp(gainSpread * rng.normal()) : 1;
      this.gain[channel] = gain;
      // Counts are scaled, not their distance from the mean: a lost channel counts nothing.
      this.offset[channel] =
        (gain - 1) * rest + (offsetSpread > 0 && !isLost ? offsetSpread * rng.normal() : 0);
    }
    this.shiftBins = shiftBins > 0 ? rng.integer(2 * shiftBins + 1) - shiftBins : 0;
    this.rng = rng;
  }

  /** One bin of the window: out[to + i] from rows[from + i], in the order of time. */
  apply(out: Float32Array, to: number, rows: Float32Array, from: number, channelCount: number): void {
    const { gain, offset, rng } = this;
    const { noise, dropout } = this.settings;
    const kept = 1 / (1 - dropout);
    for (let i = 0; i < channelCount; i++) {
      let value = gain[i] * rows[from + i] + offset[i];
      if (noise > 0) value += noise * rng.normal();
      if (dropout > 0) value = rng.uniform() < dropout ? 0 : value * kept;
      out[to + i] = value;
    }
  }
}
