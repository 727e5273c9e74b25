/** Days of the simulated array as sessions: what pretraining and calibration can be tried on without a recording. */
import { simulateRecording } from '../acquisition/simulated/simulate-recording.ts';
import type { BinnedRecording } from '../core/recording.ts';
import { lagBehaviour } from '../recording/neural-lag.ts';
import { usageError } from './failure.ts';
import { parseDay } from './option-parsers.ts';

const SIMULATED_BIN_MS = 20;
const DAYS_MAX = 100;

/** '0-7' or '1,3,5' -> the days, in order */
export function parseDays(text: string): number[] {
  const days = text.split(',').flatMap((part) => {
    if (!/^\d+(-\d+)?$/.test(part.trim())) return [Number.NaN];
    const [first, last = first] = part.trim().split('-').map(parseDay);
    return last < first
      ? [Number.NaN]
      : Array.from({ length: Math.min(last - first + 1, DAYS_MAX + 1) }, (_, i) => first + i);
  });
  if (days.some(Number.isNaN) || days.length > DAYS_MAX || new Set(days).size < days.length) {
    throw usageError(
      `'${text}' are no days`,
      text,
      `Give up to ${DAYS_MAX} days, each once, for example 0-7 or 1,3,5.`,
    );
  }
  return days;
}

export interface SimulatedSessionOptions {
  seed: number;
  channels?: number;
  binMs?: number;
  lagMs?: number;
}

/** The first seconds of a day. @throws BetzError CFG_SOURCE_CONFIG, CFG_SIMULATION_*, LOG_LAG_TOO_LONG */
export function simulateDay(
  day: number,
  seconds: number,
  options: SimulatedSessionOptions,
  startFrame = 0,
): BinnedRecording {
  const { seed, channels, binMs = SIMULATED_BIN_MS, lagMs = 0 } = options;
  const array = { seed, day, ...(channels === undefined ? {} : { channelCount: channels }) };
  return lagBehaviour(simulateRecording(array, seconds, binMs, startFrame), lagMs);
}
