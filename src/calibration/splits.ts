/**
 * How a recording is split: in time order, never at random, because neighbouring bins share movements and smoothed
 * features. The last 20 % is the test part and is touched once; the last 15 % of the rest is for choosing.
 */
import { BetzError } from '../core/errors.ts';

/** Bins [startBin, endBin). */
export interface BinRange {
  readonly startBin: number;
  readonly endBin: number;
}

export interface Splits {
  /** What parameters are fitted on while choosing. */
  readonly train: BinRange;
  /** What choices (penalty, smoothing, stopping) are made on. */
  readonly validation: BinRange;
  /** Both: what a decoder is fitted on in the end, once the choices are made. */
  readonly fit: BinRange;
  /** What is reported. */
  readonly test: BinRange;
}

const FIT_FRACTION = 0.8;
const TRAIN_FRACTION_OF_FIT = 0.85;
/** Below this even a closed-form decoder has nothing to learn from. */
const BIN_COUNT_MIN = 100;

/** @throws BetzError CAL_RECORDING_TOO_SHORT */
export function splitBins(binCount: number): Splits {
  if (binCount < BIN_COUNT_MIN) {
    throw new BetzError('CAL_RECORDING_TOO_SHORT', `${binCount} bins are too few to calibrate on`, {
      value: binCount,
      tip: `Record at least ${BIN_COUNT_MIN} bins; some minutes are usual.`,
    });
  }
  const firstTestBin = Math.floor(binCount * FIT_FRACTION);
  const firstValidationBin = Math.floor(firstTestBin * TRAIN_FRACTION_OF_FIT);
  return {
    train: { startBin: 0, endBin: firstValidationBin },
    validation: { startBin: firstValidationBin, endBin: firstTestBin },
    fit: { startBin: 0, endBin: firstTestBin },
    test: { startBin: firstTestBin, endBin: binCount },
  };
}
