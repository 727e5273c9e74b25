import { describe, expect, it } from 'vitest';
import { durationText } from '../../src/cli/duration-text.ts';
import {
  accuracyText,
  deadlineText,
  eventText,
  latencyText,
  samplesText,
  signed,
  statusLine,
  summaryLines,
} from '../../src/cli/session-text.ts';
import { BetzError } from '../../src/core/errors.ts';
import type { SessionEvent } from '../../src/runtime/sink.ts';
import { sessionSummary, unpacedSummary } from '../support/session-status.ts';

describe('a session in words', () => {
  it('tells accuracy by label, and that there is none', () => {
    expect(accuracyText(sessionSummary())).toBe('R2 x 0.912  y 0.500  mean 0.706   3250 bins');
    expect(accuracyText(sessionSummary({ r2: null }))).toBe('no truth to compare with   3250 bins');
  });

  it('gives no R2 of a few seconds, and says how many it has', () => {
    const early = sessionSummary({ bins: 600, comparedBins: 499 });
    expect(accuracyText(early)).toBe('R2 takes 10 s of behaviour, 9 s so far   600 bins');
    expect(statusLine(early, 'x')).toContain('  R2 -  ');
    expect(summaryLines(early)).toContain(`accuracy  ${accuracyText(early)}`);
    const enough = { ...early, comparedBins: 500 };
    expect(accuracyText(enough)).toBe('R2 x 0.912  y 0.500  mean 0.706   600 bins');
    expect(statusLine(enough, 'x')).toContain('  R2 0.706  ');
  });

  it('says from where latency counts, in units that can be read', () => {
    expect(latencyText(sessionSummary())).toBe(
      'bin edge to output p50 30 us  p99 61 us  p99.9 9999 us  max 12.3 ms',
    );
    expect(latencyText(unpacedSummary())).toMatch(/^computing p50 30 us /);
  });

  it('counts deadlines only where there is a schedule', () => {
    expect(deadlineText(sessionSummary())).toBe('3 of 3250 bins missed 20 ms');
    expect(deadlineText(sessionSummary({ deadlineMs: 100 / 3 }))).toBe('3 of 3250 bins missed 33.333 ms');
    expect(deadlineText(unpacedSummary())).toBeUndefined();
  });

  it('accounts for samples', () => {
    expect(samplesText(sessionSummary())).toBe('processed 960 of 1000  lost 20  dropped 21');
  });

  it.each([
    [0, '00:00'],
    [59.99, '00:59'],
    [75, '01:15'],
    [3600, '60:00'],
    [360_000, '6000:00'],
  ])('%d s is %s', (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });

  it.each([
    [0.254, '+0.25'],
    [-0.254, '-0.25'],
    [0, ' 0.00'],
    [-0, ' 0.00'],
    [-0.004, ' 0.00'],
    [0.005, '+0.01'],
    [-12.3, '-12.30'],
  ])('%d is shown as %s', (value, text) => {
    expect(signed(value)).toBe(text);
  });

  it('fits a moment into one line', () => {
    expect(statusLine(sessionSummary(), 'x +0.10 m/s')).toBe(
      '01:05  x +0.10 m/s  R2 0.706  latency p50 30 us  p99 61 us  max 12.3 ms  3 missed  20 lost',
    );
    expect(statusLine(unpacedSummary({ r2: null }), 'x +0.10 m/s')).toBe(
      '01:05  x +0.10 m/s  R2 -  computing p50 30 us  p99 61 us  max 12.3 ms  20 lost',
    );
  });

  it('begins with the calibration that is under way, for the end of a line may be cut off', () => {
    expect(statusLine(sessionSummary(), 'x', 'calibration: fitting, 3 s so far')).toMatch(
      /^01:05 {2}calibration: fitting, 3 s so far {2}x {2}R2 /,
    );
  });

  it('ends with everything that counts', () => {
    expect(summaryLines(sessionSummary(), 'a.mcap')).toEqual([
      'decoded   3250 bins of 20 ms in 65.4 s',
      'source    simulated array',
      'model     model.safetensors',
      'accuracy  R2 x 0.912  y 0.500  mean 0.706   3250 bins',
      'latency   bin edge to output p50 30 us  p99 61 us  p99.9 9999 us  max 12.3 ms',
      'deadline  3 of 3250 bins missed 20 ms',
      'samples   produced 1000  received 980  lost 20  processed 960  dropped 21',
      'recording a.mcap',
    ]);
    const short = summaryLines(unpacedSummary()).join('\n');
    expect(short).not.toMatch(/^(deadline|recording)/m);
  });

  it('tells events that a person should read, and no others', () => {
    const told: [SessionEvent, RegExp | undefined][] = [
      [{ kind: 'gap', frameIndex: 7, frameCount: 3, reason: 'ringFull' }, /^gap of 3 frames at frame 7 /],
      [{ kind: 'mark', frameIndex: 7, label: 'go' }, /^mark 'go' at frame 7$/],
      [{ kind: 'nonFinite', binCount: 2 }, /^2 bins were not finite/],
      [{ kind: 'recordsLost', recordCount: 4 }, /^4 decoded bins/],
      [{ kind: 'sinkBehind', sink: 'recording', recordCount: 5 }, /^recording is too slow: 5 bins/],
      [{ kind: 'sinkFailed', sink: 'recording', error: new Error('disk full') }, /disk full$/],
      [{ kind: 'join', frameIndex: 7 }, undefined],
      [{ kind: 'end', frameIndex: 7 }, undefined],
      // The command ends with this error and shows it in full.
      [{ kind: 'failed', error: new BetzError('IPC_STOP_TIMEOUT', 'late', { tip: 'Wait.' }) }, undefined],
    ];
    for (const [event, text] of told) {
      if (text === undefined) expect(eventText(event), event.kind).toBeUndefined();
      else expect(eventText(event)).toMatch(text);
    }
  });
});
