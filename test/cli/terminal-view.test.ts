import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DriftStatus } from '../../src/runtime/drift-watch.ts';
import type { TracePoint } from '../../src/cli/live-trace.ts';
import { plotWidth, renderView, TerminalView } from '../../src/cli/terminal-view.ts';
import type { ViewContent } from '../../src/cli/terminal-view.ts';
import { forEachCase } from '../support/cases.ts';
import { FakeTerminal } from '../support/fake-terminal.ts';
import { sessionSummary, unpacedSummary } from '../support/session-status.ts';

const SCREEN = { columns: 80, rows: 24 };

/** Decoded x rises from -0.9 to 0.9, y falls; the truth is a tenth behind. */
function ramp(pointCount: number, hasTruth = true): TracePoint[] {
  return Array.from({ length: pointCount }, (_, i) => {
    const value = 0.9 * (pointCount === 1 ? 1 : (2 * i) / (pointCount - 1) - 1);
    return {
      output: Float32Array.of(value, -value),
      truth: hasTruth ? Float32Array.of(value - 0.1, 0.1 - value) : new Float32Array(0),
    };
  });
}

function content(changes: Partial<ViewContent> = {}): ViewContent {
  return {
    title: 'gru   simulated array, 96 channels, seed 1, day 0',
    labels: ['x', 'y'],
    unit: 'm/s',
    status: sessionSummary(),
    trace: ramp(100),
    recordPath: 'recordings/today.mcap',
    calibration: undefined,
    events: [],
    keys: 'q stop',
    ...changes,
  };
}

/** As a terminal keeps them: without blanks at the end of a line, and of the screen. */
function trimmed(lines: readonly string[]): string[] {
  const result = lines.map((line) => line.trimEnd());
  while (result.at(-1) === '') result.pop();
  return result;
}

/** The rows of the first plot, without its axis. */
function firstPlot(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => line.startsWith('x in m/s')) + 1;
  const rows: string[] = [];
  for (let i = first; /^[ +\-.\d]{7} \|/.test(lines[i]); i++) rows.push(lines[i].slice(9));
  return rows;
}

describe('live view', () => {
  it('fits any terminal, whatever there is to show', () => {
    const cases = fc.record({
      columns: fc.integer({ min: 1, max: 220 }),
      rows: fc.integer({ min: 1, max: 60 }),
      points: fc.integer({ min: 0, max: 150 }),
      labelCount: fc.integer({ min: 1, max: 3 }),
      hasTruth: fc.boolean(),
      events: fc.array(fc.string({ maxLength: 200 }), { maxLength: 5 }),
      isPaced: fc.boolean(),
      calibration: fc.option(fc.string({ maxLength: 200 }), { nil: undefined }),
      keys: fc.string({ maxLength: 200 }),
    });
    forEachCase(cases, 300, ({ columns, rows, points, labelCount, hasTruth, isPaced, ...texts }) => {
      const lines = renderView(
        content({
          labels: ['x', 'y', 'z'].slice(0, labelCount),
          trace: ramp(points, hasTruth),
          ...texts,
          status: isPaced ? sessionSummary() : unpacedSummary(),
        }),
        { columns, rows },
      );
      expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.max(1, columns - 1));
    });
  });

  it('shows everything on 80 x 24, and nothing is cut off', () => {
    const long = sessionSummary({
      bins: 180_000,
      latencyUs: { count: 1, mean: 1, p50: 35, p90: 50, p99: 435, p999: 1234, max: 123_456 },
      samples: { ...sessionSummary().samples, produced: 345_600_000, processed: 345_599_520 },
    });
    const events = ['one', 'two', 'three', 'four'];
    const lines = renderView(content({ status: long, events }), SCREEN);
    expect(lines[0]).toBe('Betz  01:05   gru   simulated array, 96 channels, seed 1, day 0');
    expect(firstPlot(lines)).toHaveLength(3);
    expect(lines.slice(-10)).toEqual([
      '',
      'accuracy  R2 x 0.912  y 0.500  mean 0.706   180000 bins',
      'latency   bin edge to output p50 35 us  p99 435 us  p99.9 1234 us  max 123.5 ms',
      'deadline  3 of 180000 bins missed 20 ms',
      'samples   processed 345599520 of 345600000  lost 20  dropped 21',
      'recording recordings/today.mcap',
      'event     two',
      'event     three',
      'event     four',
      'keys      q stop',
    ]);
  });

  it('has room for plots on 80 x 24 with a calibration and a long word about drift, too', () => {
    const drift: DriftStatus = {
      ...{ index: 7.74, threshold: 1.71, withdrawalThreshold: 1.37, ignoredBins: 0 },
      parts: { rate: 1, spread: 1, tuning: 1, latent: 1 },
      ...{ isRecalibrationAdvised: true, advisedSinceBin: 550, rateDirection: 'mixed' },
      reasons: ['rateChange', 'lostChannels'],
      lostChannels: Array.from({ length: 30 }, (_, i) => `electrode ${i}`),
    };
    const calibration = 'fitting by ends, 43 %, about 4 s left';
    const keys = 'c cancel the calibration   q stop';
    const lines = renderView(content({ status: sessionSummary({ drift }), calibration, keys }), SCREEN);
    expect(firstPlot(lines)).toHaveLength(3);
    expect(lines).toHaveLength(SCREEN.rows - 1);
    const at = lines.findIndex((line) => line.startsWith('drift'));
    expect(lines.slice(at, at + 2)).toEqual([
      'drift     index 7.74, threshold 1.71  recalibrate, since 00:11',
      '          rates differ, 30 channels silent',
    ]);
    expect(lines.slice(-5)).toEqual([`calibrate ${calibration}`, '', '', '', `keys      ${keys}`]);
    const calm = { ...drift, isRecalibrationAdvised: false, advisedSinceBin: null, lostChannels: [] };
    const before = renderView(
      content({ status: sessionSummary({ drift: calm }), calibration, keys }),
      SCREEN,
    );
    expect(before, 'an advice moves nothing').toHaveLength(lines.length);
  });

  it('wraps the newest event, and shows those before it as far as they have room', () => {
    const eventsOf = (...events: string[]): string[] => renderView(content({ events }), SCREEN).slice(-4, -1);
    const long = `${'word '.repeat(20)}end`;
    const [first, second] = [`event     ${'word '.repeat(13)}word`, `          ${'word '.repeat(6)}end`];
    expect(eventsOf('before', long)).toEqual(['event     before', first, second]);
    expect(eventsOf(long, 'after')).toEqual([first, second, 'event     after']);
    expect(eventsOf('one', long, 'after'), 'whole or not at all').toEqual([first, second, 'event     after']);
    expect(eventsOf(long, long)).toEqual([first, second, '']);
    expect(eventsOf('word '.repeat(200))[2], 'three lines of a very long one').toMatch(/^ {10}word/);
    const unbroken = eventsOf('x'.repeat(100));
    expect(unbroken).toEqual([`event     ${'x'.repeat(69)}`, `          ${'x'.repeat(31)}`, '']);
  });

  it('gives plots the height that a screen has for them', () => {
    const heightOn = (rows: number): number => firstPlot(renderView(content(), { columns: 80, rows })).length;
    expect([60, 33, 29, 24, 21, 20].map(heightOn)).toEqual([9, 9, 7, 3, 3, 0]);
  });

  it('shows decoded and true values beside each other, the newest at the right', () => {
    const lines = renderView(content(), SCREEN);
    expect(lines).toContain('x in m/s   • decoded +0.90   · true +0.80');
    expect(lines).toContain('y in m/s   • decoded -0.90   · true -0.80');
    const rows = firstPlot(lines);
    expect(rows[0].at(-1)).toBe('●'); // both are nearest to +1.00
    const width = plotWidth(SCREEN.columns);
    for (const row of rows) expect(row.length).toBeLessThanOrEqual(width);
    for (let column = 0; column < width; column++) {
      const marks = rows.map((row) => row.charAt(column)).join('');
      expect(marks.replaceAll(' ', '')).toMatch(/^(●|·•|•·)$/);
    }
  });

  it('begins at the right, and moves to the left', () => {
    const width = plotWidth(SCREEN.columns);
    const columnsOf = (points: number): number[] => {
      const rows = firstPlot(renderView(content({ trace: ramp(points) }), SCREEN));
      return Array.from({ length: width }, (_, i) => i).filter((i) =>
        rows.some((row) => /\S/.test(row.charAt(i))),
      );
    };
    expect(columnsOf(1)).toEqual([width - 1]);
    expect(columnsOf(3)).toEqual([width - 3, width - 2, width - 1]);
    expect(columnsOf(1000)).toHaveLength(width);
  });

  it('puts values where the axis says', () => {
    const point = (x: number, trueX: number): TracePoint => ({
      output: Float32Array.of(x),
      truth: Float32Array.of(trueX),
    });
    const lines = renderView(content({ labels: ['x'], trace: [point(0, 5), point(-5, 0)] }), SCREEN);
    const rows = firstPlot(lines);
    expect(lines.filter((line) => line.startsWith('  +5.00 |'))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('  -5.00 |'))).toHaveLength(1);
    const middle = (rows.length - 1) / 2;
    expect(rows[0].trim()).toBe('·');
    expect(rows[middle].trim()).toBe('•·');
    expect(rows[rows.length - 1].trim()).toBe('•');
  });

  it('shows the decoded value alone where there is no truth', () => {
    const status = sessionSummary({ r2: null, pearson: null });
    const lines = renderView(content({ trace: ramp(100, false), status }), SCREEN);
    expect(lines).toContain('x in m/s   • decoded +0.90');
    expect(lines).toContain('accuracy  no truth to compare with   3250 bins');
    expect(firstPlot(lines).join('')).toMatch(/^[ •]+$/);
  });

  it('has something to show before the first bin', () => {
    const lines = renderView(content({ trace: [] }), SCREEN);
    expect(lines).toContain('x in m/s   • decoded');
    expect(firstPlot(lines).join('').trim()).toBe('');
  });

  it('has no deadline without a schedule, and says when nothing is recorded', () => {
    const lines = renderView(content({ status: unpacedSummary(), recordPath: undefined }), SCREEN);
    expect(lines.filter((line) => line.startsWith('deadline'))).toEqual([]);
    expect(lines.find((line) => line.startsWith('latency'))).toMatch(/^latency {3}computing /);
    expect(lines).toContain('recording off');
  });

  it('survives values that are not finite', () => {
    const trace = [{ output: Float32Array.of(Number.NaN, Infinity), truth: Float32Array.of(1, 1) }];
    expect(() => renderView(content({ trace }), SCREEN)).not.toThrow();
  });
});

describe('terminal', () => {
  it('is redrawn in place: nothing scrolls, nothing is left over', () => {
    const terminal = new FakeTerminal(SCREEN.columns, SCREEN.rows);
    const view = new TerminalView(terminal);
    expect(terminal.isCursorShown).toBe(false);
    for (const events of [[], ['a gap'], ['a gap', 'another']]) {
      const shown = content({ events, trace: ramp(50 + events.length) });
      view.draw(shown);
      expect(terminal.screen()).toEqual(trimmed(renderView(shown, SCREEN)));
    }
    expect(terminal.scrolledLines).toBe(0);
    view.close();
    expect(terminal.isCursorShown).toBe(true);
  });

  it('is drawn anew when it changes its size', () => {
    const terminal = new FakeTerminal(SCREEN.columns, SCREEN.rows);
    const view = new TerminalView(terminal);
    view.draw(content());
    for (const size of [
      { columns: 120, rows: 60 },
      { columns: 40, rows: 60 },
      { columns: 40, rows: 12 },
    ]) {
      terminal.resize(size.columns, size.rows);
      view.draw(content());
      expect(terminal.screen()).toEqual(trimmed(renderView(content(), size)));
    }
    view.close();
    expect(terminal.listenerCount('resize')).toBe(0);
  });

  it('is taken to be 80 x 24 when it does not know its size', () => {
    const terminal = new FakeTerminal(SCREEN.columns, SCREEN.rows);
    const written: string[] = [];
    const unsized = { columns: 0, rows: 0, write: (text: string) => written.push(text) };
    new TerminalView(Object.assign(terminal, unsized)).draw(content());
    const drawn = written.join('').match(/\n/g);
    expect(drawn).toHaveLength(renderView(content(), SCREEN).length);
  });
});
