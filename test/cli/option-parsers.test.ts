import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  listParser,
  parseBinMs,
  parseChannelCount,
  parseCount,
  parseDay,
  parseFraction,
  parseHiddenCount,
  parsePacedSeconds,
  parsePositive,
  parsePositiveInteger,
  parseSeconds,
  parseSeed,
  parseSeedCount,
  parseSetting,
  parseSpeed,
} from '../../src/cli/option-parsers.ts';
import { forEachCase } from '../support/cases.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

/** Nothing that a person means as a number, though JavaScript takes some of it for one. */
const NO_NUMBERS = [
  '',
  ' ',
  'a',
  '1a',
  '1 2',
  '1,5',
  '0x10',
  '0b1',
  '1_000',
  'Infinity',
  'NaN',
  '--',
  '1e',
  '.',
];

type Parser = (text: string) => unknown;

function expectRefused(parse: Parser, texts: readonly string[]): void {
  for (const text of texts) {
    const error = betzErrorOf(() => parse(text));
    expect(error.code, text).toBe('CFG_USAGE');
    expect(error.value).toBe(text);
    expect(error.message).toContain(`'${text}'`);
    expect(error.tip).toMatch(/^Give .+\.$/);
  }
}

describe('option values', () => {
  it('positions are percentages or fractions, from the start to before the end', () => {
    expect(['0%', '80%', '12.5%', '0', '0.8', '.5', ' 80%', '8e-1'].map(parseFraction)).toEqual([
      0, 0.8, 0.125, 0, 0.8, 0.5, 0.8, 0.8,
    ]);
    expectRefused(parseFraction, [...NO_NUMBERS, '100%', '1', '-1%', '-0.1', '80', '%', '80%%', '1e9']);
  });

  it('a percentage and its hundredth are the same position', () => {
    forEachCase(fc.integer({ min: 0, max: 99 }), 100, (percent) => {
      expect(parseFraction(`${percent}%`)).toBe(parseFraction(String(percent / 100)));
    });
  });

  it('speeds are factors up to 1000, or max', () => {
    expect(['1', '0.5', '20', '1000', 'max'].map(parseSpeed)).toEqual([1, 0.5, 20, 1000, 'max']);
    expectRefused(parseSpeed, [...NO_NUMBERS, '0', '-1', '1001', 'MAX', 'fast', '1x']);
  });

  it('quantities are above 0', () => {
    expect(['1', '2.5', '1e3', '+4', '7.'].map(parsePositive)).toEqual([1, 2.5, 1000, 4, 7]);
    expectRefused(parsePositive, [...NO_NUMBERS, '0', '-1', '-0', '1e999', '1e-999']);
  });

  it('counts of things are whole and above 0', () => {
    expect(['1', '96', '1e3', '2.0'].map(parsePositiveInteger)).toEqual([1, 96, 1000, 2]);
    expectRefused(parsePositiveInteger, [...NO_NUMBERS, '0', '-1', '1.5', '1e300']);
  });

  it('counts that may be none are whole', () => {
    expect(['0', '1', '1e10'].map(parseCount)).toEqual([0, 1, 1e10]);
    expectRefused(parseCount, [...NO_NUMBERS, '-1', '0.5', '1e999']);
  });

  it.each<[string, Parser, string, string]>([
    ['seeds, of 32 bits', parseSeed, '4294967295', '4294967296'],
    ['numbers of seeds', parseSeedCount, '1000', '1001'],
    ['channels', parseChannelCount, '4096', '4097'],
    ['days', parseDay, '1000', '1001'],
    ['seconds', parseSeconds, '1e6', '1000000.1'],
    ['seconds of pacing', parsePacedSeconds, '3600', '3601'],
    ['hidden units', parseHiddenCount, '4096', '4097'],
    ['bin widths', parseBinMs, '10000', '10000.5'],
  ])('%s have an end, and the tip says where it is', (_what, parse, most, beyond) => {
    expect(parse(most)).toBe(Number(most));
    expectRefused(parse, [...NO_NUMBERS, '-1', beyond, '1e9999']);
    expect(betzErrorOf(() => parse(beyond)).tip).toBe(`Give ${Number(most)} at most.`);
  });

  it('settings are names with a number, a name or a list, gathered one by one', () => {
    const first = parseSetting('hiddenCount=256');
    expect(first).toEqual({ hiddenCount: 256 });
    expect(parseSetting('mode=full', first)).toEqual({ hiddenCount: 256, mode: 'full' });
    expect(parseSetting('names=["a","b"]')).toEqual({ names: ['a', 'b'] });
    expect(parseSetting('note=a=b')).toEqual({ note: 'a=b' });
    for (const text of ['', 'hiddenCount', '=3'])
      expect(betzErrorOf(() => parseSetting(text)).code, text).toBe('CFG_USAGE');
  });

  it('lists are counts between commas', () => {
    const parse = listParser(parsePositiveInteger);
    expect(parse('64')).toEqual([64]);
    expect(parse('64, 256,512')).toEqual([64, 256, 512]);
    for (const text of ['', '64,', ',', '64;256', '64,0', '64,x'])
      expect(betzErrorOf(() => parse(text)).code, text).toBe('CFG_USAGE');
  });
});
