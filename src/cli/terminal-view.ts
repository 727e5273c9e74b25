/**
 * The live view of a session in a terminal: a moving plot of decoded and true output, accuracy, latency, losses.
 * `renderView` is a function from values to lines; `TerminalView` puts them on the screen.
 */
import type { SessionStatus } from '../runtime/session-summary.ts';
import { driftLines } from './drift-text.ts';
import { durationText } from './duration-text.ts';
import type { TracePoint } from './live-trace.ts';
import { accuracyText, deadlineText, latencyText, samplesText, signed } from './session-text.ts';

export interface ViewContent {
  title: string;
  /** Labels and unit of the output. */
  labels: readonly string[];
  unit: string;
  status: SessionStatus;
  trace: readonly TracePoint[];
  /** Where the recording goes; undefined where none is made. */
  recordPath: string | undefined;
  /** Where the calibration stands; undefined where the session has none. */
  calibration: string | undefined;
  /** The last things that happened, newest last. */
  events: readonly string[];
  /** What can be done now, and by which key. */
  keys: string;
}

export interface ScreenSize {
  columns: number;
  rows: number;
}

/** What the view needs of a terminal. */
export interface Screen extends ScreenSize {
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** Rows of a plot, in the order of preference; odd, so that zero has a row of its own. */
const PLOT_ROWS = [9, 7, 5, 3];
const PLOT_COLUMNS_MAX = 100;
const EVENT_LINES = 3;
/** Before every line of text. */
const LABEL_COLUMNS = 10;
/** One plot per output would flood a screen beyond this. */
const PLOTS_MAX = 2;
const TRUE_MARK = '·';
const DECODED_MARK = '•';
const BOTH_MARK = '●';

/** Columns of plot that a terminal of this width shows. */
export function plotWidth(columns: number): number {
  return Math.max(20, Math.min(PLOT_COLUMNS_MAX, columns - 12));
}

/** At most `rows` - 1 lines of at most `columns` - 1 characters, so that the terminal neither wraps nor scrolls. */
export function renderView(content: ViewContent, { columns, rows }: ScreenSize): string[] {
  const { title, status, recordPath, calibration, events, keys } = content;
  const { drift } = status;
  const labels = content.labels.slice(0, PLOTS_MAX);
  const deadline = deadlineText(status);
  const head = [`Betz  ${durationText(status.seconds)}   ${title}`, ''];
  const foot = [
    '',
    `accuracy  ${accuracyText(status)}`,
    ...(drift === null ? [] : labelled('drift', driftLines(drift, status.binMs, 0), 2)),
    `latency   ${latencyText(status)}`,
    ...(deadline === undefined ? [] : [`deadline  ${deadline}`]),
    `samples   ${samplesText(status)}`,
    `recording ${recordPath ?? 'off'}`,
    ...(calibration === undefined ? [] : [`calibrate ${calibration}`]),
    ...eventLines(events, columns - 1 - LABEL_COLUMNS),
    `keys      ${keys}`,
  ];
  const free = rows - 1 - head.length - foot.length;
  const plotRows = PLOT_ROWS.find((count) => labels.length * (1 + count) <= free) ?? 0;
  const plots = labels.flatMap((_, dimension) => plotLines(content, dimension, plotWidth(columns), plotRows));
  return [...head, ...plots, ...foot]
    .slice(0, Math.max(1, rows - 1))
    .map((line) => line.slice(0, Math.max(1, columns - 1)));
}

/** Always as many lines, so that something new moves nothing. */
function labelled(label: string, lines: readonly string[], lineCount: number): string[] {
  return Array.from({ length: lineCount }, (_, i) =>
    i < lines.length ? `${(i === 0 ? label : '').padEnd(LABEL_COLUMNS)}${lines[i]}` : '',
  );
}

/** The newest event whole, as far as there are lines for it, and what came before it as long as that has room. */
function eventLines(events: readonly string[], width: number): string[] {
  let lines: string[] = [];
  for (const event of [...events].reverse()) {
    const wrapped = wrap(event, Math.max(1, width)).slice(0, EVENT_LINES);
    const both = [...labelled('event', wrapped, wrapped.length), ...lines];
    if (both.length > EVENT_LINES) break;
    lines = both;
  }
  return [...lines, ...new Array<string>(EVENT_LINES - lines.length).fill('')];
}

/** At blanks where there are some. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const blank = rest.lastIndexOf(' ', width);
    const end = blank > 0 ? blank : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

/** One dimension: the last values in words, and the plot, if it has rows, with the newest bin at the right. */
function plotLines(
  { labels, unit, trace }: ViewContent,
  dimension: number,
  width: number,
  rowCount: number,
): string[] {
  const last = trace.at(-1);
  const decoded = last === undefined ? '' : ` ${signed(last.output[dimension])}`;
  const truth = last?.truth[dimension];
  const truthText = truth === undefined ? '' : `   ${TRUE_MARK} true ${signed(truth)}`;
  const heading = `${labels[dimension]} in ${unit}   ${DECODED_MARK} decoded${decoded}${truthText}`;
  if (rowCount === 0) return [heading];

  const scale = symmetricScale(trace);
  const grid = Array.from({ length: rowCount }, () => new Array<string>(width).fill(' '));
  /** undefined for a value that is not there, or is no number. */
  const rowOf = (value: number | undefined): number | undefined => {
    if (value === undefined || Number.isNaN(value)) return undefined;
    const row = Math.round(((1 - value / scale) / 2) * (rowCount - 1));
    return Math.min(rowCount - 1, Math.max(0, row));
  };
  const shown = trace.slice(-width);
  shown.forEach((point, i) => {
    const column = width - shown.length + i;
    const decodedRow = rowOf(point.output[dimension]);
    const trueRow = rowOf(point.truth[dimension]);
    if (trueRow !== undefined) grid[trueRow][column] = TRUE_MARK;
    if (decodedRow !== undefined)
      grid[decodedRow][column] = decodedRow === trueRow ? BOTH_MARK : DECODED_MARK;
  });
  const axis = new Map([
    [0, signed(scale)],
    [(rowCount - 1) / 2, signed(0)],
    [rowCount - 1, signed(-scale)],
  ]);
  return [heading, ...grid.map((cells, row) => `${(axis.get(row) ?? '').padStart(7)} |${cells.join('')}`)];
}

/** A round limit that holds all values shown, so that the axis does not jump with every bin. */
function symmetricScale(trace: readonly TracePoint[]): number {
  let largest = 0;
  for (const { output, truth } of trace) {
    for (const value of output) largest = Math.max(largest, Math.abs(value));
    for (const value of truth) largest = Math.max(largest, Math.abs(value));
  }
  if (!(largest > 0 && Number.isFinite(largest))) return 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  return [1, 2, 5, 10].map((step) => step * power).find((limit) => limit >= largest) ?? largest;
}

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_SCREEN = '\u001b[2J\u001b[H';
/** A terminal that does not tell its size is taken to be this large. */
const DEFAULT_SIZE: ScreenSize = { columns: 80, rows: 24 };

export class TerminalView {
  private readonly screen: Screen;
  private drawnLines = 0;

  constructor(screen: Screen) {
    this.screen = screen;
    screen.on('resize', this.clear);
    screen.write(HIDE_CURSOR);
  }

  /** Replaces what was drawn before. */
  draw(content: ViewContent): void {
    const { columns, rows } = this.screen;
    const size = { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
    const lines = renderView(content, size);
    const up = this.drawnLines > 0 ? `\u001b[${this.drawnLines}A` : '';
    this.screen.write(`${up}${lines.map((line) => `\r\u001b[2K${line}\n`).join('')}\u001b[0J`);
    this.drawnLines = lines.length;
  }

  close(): void {
    this.screen.off('resize', this.clear);
    this.screen.write(SHOW_CURSOR);
  }

  /** Where the lines drawn before stand in a terminal of another size, nobody knows. */
  private readonly clear = (): void => {
    this.screen.write(CLEAR_SCREEN);
    this.drawnLines = 0;
  };
}
