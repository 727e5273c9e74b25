/** Parsers for option values: each returns the value or refuses with what was given and what is wanted. */
import { CHANNEL_COUNT_MAX, DAY_MAX } from '../acquisition/simulated/array-config.ts';
import { SIMULATED_S_MAX } from '../acquisition/simulated/simulated-source.ts';
import { HIDDEN_COUNT_MAX } from '../decoders/gru/gru.ts';
import { BIN_MS_MAX } from '../decoders/model-file.ts';
import { usageError } from './failure.ts';

/** Nobody waits for the fits of more. */
const SEEDS_MAX = 1000;
/** Of benchmarks, which keep the time of every step. */
const PACED_S_MAX = 3600;

/** '80%' or '0.8' -> 0.8 */
export function parseFraction(text: string): number {
  const isPercent = text.endsWith('%');
  const value = parseNumber(isPercent ? text.slice(0, -1) : text) / (isPercent ? 100 : 1);
  if (!(value >= 0 && value < 1)) {
    throw usageError(
      `'${text}' is not a share from 0% to below 100%`,
      text,
      'Give a percentage or a fraction, for example 80% or 0.8.',
    );
  }
  return value;
}

/** '1', '2.5' or 'max' */
export function parseSpeed(text: string): number | 'max' {
  if (text === 'max') return 'max';
  const value = parseNumber(text);
  if (!(value > 0 && value <= 1000)) {
    throw usageError(`'${text}' is not a speed`, text, "Give a factor such as 1 or 10, or 'max'.");
  }
  return value;
}

export function parsePositive(text: string): number {
  const value = parseNumber(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw usageError(`'${text}' is not a positive number`, text, 'Give a number above 0.');
  }
  return value;
}

export const LAG_HELP =
  'pair each bin with the behaviour so much later, which motor cortex leads (50 to 150 is usual); below 0 so much earlier, for activity that follows what is seen or felt';

/** '-20', '0', '62.5' */
export function parseMilliseconds(text: string): number {
  const value = parseNumber(text);
  if (!Number.isFinite(value))
    throw usageError(`'${text}' is not a number of milliseconds`, text, 'Give a number, for example 100.');
  return value;
}

export function parsePositiveInteger(text: string): number {
  const value = parsePositive(text);
  if (!Number.isSafeInteger(value))
    throw usageError(`'${text}' is not a whole number`, text, 'Give 1, 2, 3, ...');
  return value;
}

export function parseCount(text: string): number {
  const value = parseNumber(text);
  if (!(Number.isInteger(value) && value >= 0)) {
    throw usageError(`'${text}' is not a whole number from 0`, text, 'Give 0, 1, 2, ...');
  }
  return value;
}

/** Of the 32 bits that random numbers begin from. */
export const parseSeed = atMost(parseCount, 0xffffffff, 'is no seed');
export const parseSeedCount = atMost(parsePositiveInteger, SEEDS_MAX, 'are too many seeds');
export const parseChannelCount = atMost(
  parsePositiveInteger,
  CHANNEL_COUNT_MAX,
  'channels are more than an array can have',
);
export const parseDay = atMost(parseCount, DAY_MAX, 'is beyond the days that can be simulated');
export const parseSeconds = atMost(parsePositive, SIMULATED_S_MAX, 's are longer than a session can be');
export const parsePacedSeconds = atMost(parsePositive, PACED_S_MAX, 's of pacing are more than are kept');
export const parseHiddenCount = atMost(
  parsePositiveInteger,
  HIDDEN_COUNT_MAX,
  'hidden units are more than a GRU can have',
);
export const parseBinMs = atMost(parsePositive, BIN_MS_MAX, 'ms are too wide for a bin');

/** A parser that refuses what is above `max`. @param problem follows what was typed: "'1e9' is no seed" */
export function atMost(
  parse: (text: string) => number,
  max: number,
  problem: string,
): (text: string) => number {
  return (text) => {
    const value = parse(text);
    if (value <= max) return value;
    throw usageError(`'${text}' ${problem}`, text, `Give ${max} at most.`);
  };
}

/** A parser of '64,256' -> [64, 256] */
export function listParser(parse: (text: string) => number): (text: string) => number[] {
  return (text) => text.split(',').map((part) => parse(part.trim()));
}

/** 'a.html', 'a.htm' or 'a.json' */
export function parseReportPath(text: string): string {
  if (/[^/]\.(html?|json)$/i.test(text)) return text;
  throw usageError(
    `a report is HTML, with the same as JSON beside it: '${text}' is neither`,
    text,
    'Give a name that ends in .html; the JSON gets the same name.',
  );
}

/** A parser of 'a,b' -> ['a', 'b'], each one of `known`. @param what a name stands for, to say what is wrong */
export function namesParser(known: readonly string[], what: string): (text: string) => string[] {
  return (text) => {
    const names = text.split(',').map((part) => part.trim());
    const unknown = names.find((name) => !known.includes(name));
    if (unknown === undefined) return [...new Set(names)];
    throw usageError(`'${unknown}' is no ${what}`, unknown, `Choose from: ${known.join(', ')}.`);
  };
}

/** 'hiddenCount=256' and those given before it. Values are numbers, true, false, lists in JSON, or else text. */
export function parseSetting(text: string, before: Record<string, unknown> = {}): Record<string, unknown> {
  const at = text.indexOf('=');
  if (at < 1)
    throw usageError(`'${text}' is not a setting`, text, 'Give name=value, for example hiddenCount=256.');
  return { ...before, [text.slice(0, at)]: settingValue(text.slice(at + 1)) };
}

function settingValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // a name, such as full in mode=full
  }
}

/** Number(''), Number(' ') and Number('0x10') are numbers to JavaScript, and typing mistakes to a user. */
function parseNumber(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : Number.NaN;
}
