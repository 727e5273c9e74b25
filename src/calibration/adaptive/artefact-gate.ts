/**
 * Which bins to learn nothing from: those that are not finite, and those in which the channels together are far from what they
 * usually are (a cable, a muscle, a stimulus). What lasts is no artefact, unless it is beyond all measure: after `holdSMax` of such bins they count again, or a
 * large and lasting change would never be adapted to.
 */
export interface ArtefactOptions {
  /** A bin is an artefact when its z-scores are beyond this on average (of their sizes). Default 4. */
  meanScoreMax?: number;
  /** Default 10. */
  holdSMax?: number;
}

/** Beyond this nothing is ever learned: it is no signal, and statistics of it would overflow. */
const MEAN_SCORE_EVER = 1e4;

export class ArtefactGate {
  private readonly meanScoreMax: number;
  private readonly holdBinsMax: number;
  private readonly activeCount: Float32Array;

  /** @param activeCount one number: channels whose z-scores are not 0 by definition, at least 1. Kept */
  constructor(activeCount: Float32Array, binMs: number, options: ArtefactOptions = {}) {
    this.meanScoreMax = options.meanScoreMax ?? 4;
    this.holdBinsMax = Math.round(((options.holdSMax ?? 10) * 1000) / binMs);
    this.activeCount = activeCount;
  }

  /**
   * Whether to leave a bin out. The run of artefacts is read and written in `state`, since a number that crosses a call may be
   * put into a new object.
   * @param scores z-scores of the bin
   * @param state state[at]: artefact bins in a row before this one
   */
  isHeld(scores: Float32Array, state: Float32Array, at: number): boolean {
    let sum = 0;
    for (let i = 0; i < scores.length; i++) sum += Math.abs(scores[i]);
    const meanScore = sum / this.activeCount[0];
    if (!(meanScore < MEAN_SCORE_EVER)) return true;
    state[at] = meanScore > this.meanScoreMax ? state[at] + 1 : 0;
    return state[at] > 0 && state[at] <= this.holdBinsMax;
  }
}
