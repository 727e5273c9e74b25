/**
 * The live view of a session in a terminal: a moving plot of decoded and true output, accuracy, latency, losses.
 * `renderView` is a function from values to lines; `TerminalView` puts them on the screen.
 */
import type { SessionStatus } from '../runtime/session-summary.ts';
import type { TracePoint } from './live-trace.ts';
import { accuracyText, durationText, latencyText, samplesText } from './session-text.ts';

export interface ViewContent {
  title: string;
  /** Labels and unit of the output. */
  labels: readonly string[];
  unit: string;
  status: SessionStatus;
  trace: readonly TracePoint[];
  /** Where the recording goes; undefined where none is made. */
  recordPath: string | undefined;
  /** The last things that happened, newest last. */
  events: readonly string[];
}

const PLOT_HEIGHT = 7;
const PLOT_WIDTH_MAX = 100;
const EVENT_LINES = 2;
/** One row per output would flood a screen beyond this. */
const PLOTS_MAX = 2;
const TRUE_MARK = '·';
const DECODED_MARK = '•';
const BOTH_MARK = '●';

/** Columns of plot that a terminal of this width shows. */
export function plotWidth(columns: number): number {
  return Math.max(20, Math.min(PLOT_WIDTH_MAX, columns - 12));
}

export function renderView(content: ViewContent, columns: number): string[] {
  const { title, labels, unit, status, trace, recordPath, events } = content;
  const width = plotWidth(columns);
  const scale = symmetricScale(trace);
  const lines = [`${title}   ${durationText(status.seconds)}`, ''];
  labels.slice(0, PLOTS_MAX).forEach((label, dimension) => {
    const last = trace.at(-1);
    const truth = last?.truth[dimension];
    lines.push(
      `${label} in ${unit}   ${DECODED_MARK} decoded ${signed(last?.output[dimension])}` +
        (truth === undefined ? '' : `   ${TRUE_MARK} true ${signed(truth)}`),
      ...plotRows(trace, dimension, width, scale),
    );
  });
  lines.push(
    '',
    `accuracy  ${accuracyText(status)}`,
    `latency   ${latencyText(status)}`,
    `samples   ${samplesText(status)}`,
    `recording ${recordPath ?? 'off'}`,
    ...events.slice(-EVENT_LINES).map((event) => `event     ${event}`),
    '',
    'Ctrl-C ends the session.',
  );
  return lines.map((line) => line.slice(0, Math.max(1, columns - 1)));
}

/** Rows of one dimension's plot, the newest bin at the right. */
function plotRows(trace: readonly TracePoint[], dimension: number, width: number, scale: number): string[] {
  const grid = Array.from({ length: PLOT_HEIGHT }, () => new Array<string>(width).fill(' '));
  const shown = trace.slice(-width);
  const rowOf = (value: number): number => {
    const height = Math.round(((1 - value / scale) / 2) * (PLOT_HEIGHT - 1));
    return Math.min(PLOT_HEIGHT - 1, Math.max(0, height));
  };
  shown.forEach(({ output, truth }, i) => {
    const column = width - shown.length + i;
    const decodedRow = rowOf(output[dimension]);
    const trueRow = truth.length > dimension ? rowOf(truth[dimension]) : -1;
    if (trueRow >= 0) grid[trueRow][column] = TRUE_MARK;
    grid[decodedRow][column] = decodedRow === trueRow ? BOTH_MARK : DECODED_MARK;
  });
  const middle = (PLOT_HEIGHT - 1) / 2;
  return grid.map((cells, row) => {
    const label =
      row === 0 ? signed(scale) : row === middle ? signed(0) : row === PLOT_HEIGHT - 1 ? signed(-scale) : '';
    return `${label.padStart(7)} |${cells.join('')}`;
  });
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

function signed(value: number | undefined): string {
  if (value === undefined) return '';
  return `${value < 0 ? '-' : value > 0 ? '+' : ' '}${Math.abs(value).toFixed(2)}`;
}

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

export class TerminalView {
  private readonly stream: NodeJS.WriteStream;
  private drawnLines = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.stream = stream;
    stream.write(HIDE_CURSOR);
  }

  /** Replaces what was drawn before. */
  draw(content: ViewContent): void {
    const lines = renderView(content, this.stream.columns);
    const up = this.drawnLines > 0 ? `\u001b[${this.drawnLines}A` : '';
    this.stream.write(`${up}${lines.map((line) => `\r\u001b[2K${line}\n`).join('')}\u001b[0J`);
    this.drawnLines = lines.length;
  }

  close(): void {
    this.stream.write(SHOW_CURSOR);
  }
}
