/** The three kinds of plot that the report draws: lines, paths in a plane, grouped bars. */
import { fixedAxis, linearAxis } from './axis.ts';
import { drawAxes, figure, frameOf, MARGIN, place, WIDTH } from './figure.ts';
import type { FigureText, Frame } from './figure.ts';
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';
import { r2, tickText } from './numbers.ts';

/** Each has its colour and its line style or filling, the same all over the page. */
export type Role = 'truth' | 'candidate' | 'inService' | 'baseline';

export interface Line {
  role: Role;
  points: readonly (readonly [number, number])[];
  /** A dot at each point. */
  hasDots?: true;
}

const PLOT_HEIGHT = 226;

/** @param yRange of all plots that are to be compared with this one */
export function linePlot(
  text: FigureText,
  lines: readonly Line[],
  labels: { x: string; y: string },
  yRange: readonly number[],
  numbers?: Markup,
): Markup {
  const xs = lines.flatMap(({ points }) => points.map(([x]) => x));
  const frame = frameOf(fixedAxis(...extremes(xs)), linearAxis(yRange), PLOT_HEIGHT);
  return figure(
    text,
    PLOT_HEIGHT,
    [drawAxes(frame, labels.x, labels.y), ...lines.map((line) => drawLine(frame, line))],
    numbers,
  );
}

/** Both axes have the same scale, so that directions are true. A square marks the start, a dot each end. */
export function pathPlot(
  text: FigureText,
  lines: readonly Line[],
  labels: { x: string; y: string },
  numbers?: Markup,
): Markup {
  const height = WIDTH - MARGIN.left - MARGIN.right + MARGIN.top + MARGIN.bottom;
  const points = lines.flatMap((line) => line.points);
  const [xMin, xMax] = extremes(points.map(([x]) => x));
  const [yMin, yMax] = extremes(points.map(([, y]) => y));
  const half = (Math.max(xMax - xMin, yMax - yMin) / 2) * 1.08;
  const around = (middle: number): [number, number] => [middle - half, middle + half];
  const frame = frameOf(
    fixedAxis(...around((xMin + xMax) / 2)),
    fixedAxis(...around((yMin + yMax) / 2)),
    height,
  );
  const ends = lines.flatMap(({ role, points: path }) => {
    const last = path.at(-1);
    return last === undefined
      ? []
      : [
          markup`<circle class="end ${role}" cx="${place(frame.toX(last[0]))}" cy="${place(frame.toY(last[1]))}" r="4"/>`,
        ];
  });
  const [startX, startY] = [frame.toX(0), frame.toY(0)];
  const start = markup`<rect class="start" x="${place(startX - 4)}" y="${place(startY - 4)}" width="8" height="8"/>`;
  return figure(
    text,
    height,
    [drawAxes(frame, labels.x, labels.y), ...lines.map((line) => drawLine(frame, line)), ...ends, start],
    numbers,
  );
}

export interface BarGroup {
  label: string;
  bars: readonly { role: Role; value: number }[];
}

const BAR = 15;
const GROUP_GAP = 14;
const GROUP_LABEL = 16;
const VALUE_WIDTH = 46;

/** Lying bars with their values written at the ends. Bars below 0 go to the left. @param range of values in all such plots */
export function barPlot(text: FigureText, groups: readonly BarGroup[], range: readonly number[]): Markup {
  const axis = linearAxis([0, ...range], 4);
  const left = 6;
  const toX = (value: number): number => left + axis.place(value) * (WIDTH - left - VALUE_WIDTH - 4);
  const barCount = groups[0]?.bars.length ?? 0;
  const groupHeight = GROUP_LABEL + barCount * BAR + GROUP_GAP;
  const bottom = groups.length * groupHeight;
  const height = bottom + 32;
  const grid = axis.ticks.map(
    (tick) =>
      markup`<line class="${tick === 0 ? 'grid zero' : 'grid'}" x1="${place(toX(tick))}" x2="${place(toX(tick))}" y1="0" y2="${bottom}"/><text x="${place(toX(tick))}" y="${bottom + 13}" text-anchor="middle">${tickText(tick)}</text>`,
  );
  const drawing = groups.map(({ label, bars }, g) => {
    const top = g * groupHeight;
    return markup`<text class="strong" x="${left + 4}" y="${top + 12}">${label}</text>${bars.map(
      ({ role, value }, b) => {
        const y = top + GROUP_LABEL + b * BAR;
        const shown = Number.isFinite(value) ? value : 0;
        const from = Math.min(toX(0), toX(shown));
        const end = Math.max(toX(0), toX(shown));
        return markup`<rect class="bar ${role}" x="${place(from)}" y="${place(y + 1)}" width="${place(Math.max(end - from, 0.5))}" height="${BAR - 3}"/><text x="${place(end + 4)}" y="${place(y + BAR - 4)}">${r2(value)}</text>`;
      },
    )}`;
  });
  return figure(text, height, [
    markup`<g class="axes">${grid}<text x="${place(toX((axis.min + axis.max) / 2))}" y="${height - 4}" text-anchor="middle">R²</text>`,
    ...drawing,
    markup`</g>`,
  ]);
}

function drawLine({ toX, toY }: Frame, { role, points, hasDots }: Line): Markup {
  const finite = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  const corners = finite.map(([x, y]) => `${place(toX(x))},${place(toY(y))}`).join(' ');
  const dots = hasDots
    ? finite.map(
        ([x, y]) => markup`<circle class="dot ${role}" cx="${place(toX(x))}" cy="${place(toY(y))}" r="3"/>`,
      )
    : [];
  return markup`<polyline class="line ${role}" points="${corners}"/>${dots}`;
}

/** Apart from each other, whatever the values. */
export function extremes(values: readonly number[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}
