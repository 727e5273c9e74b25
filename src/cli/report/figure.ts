/** A plot with what it takes to be read without seeing it: a title, a summary in words, and its numbers as a table. */
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';
import { tickText } from './numbers.ts';
import type { Axis } from './axis.ts';

export interface FigureText {
  /** Unique in the page: letters, digits and hyphens. */
  id: string;
  title: string;
  /** What is to be seen, with numbers. */
  summary: string;
  /** Of its heading: 3 straight below a section's, 4 below one of a part of a section. */
  level: 3 | 4;
}

/** Narrow, so that its writing is still readable on a telephone; wider screens put figures beside each other. */
export const WIDTH = 360;
export const MARGIN = { left: 46, right: 12, top: 26, bottom: 42 } as const;

export interface Frame {
  height: number;
  x: Axis;
  y: Axis;
  /** Places in the picture. */
  readonly toX: (value: number) => number;
  readonly toY: (value: number) => number;
}

export function frameOf(x: Axis, y: Axis, height: number): Frame {
  const plotWidth = WIDTH - MARGIN.left - MARGIN.right;
  const plotHeight = height - MARGIN.top - MARGIN.bottom;
  return {
    height,
    x,
    y,
    toX: (value) => MARGIN.left + x.place(value) * plotWidth,
    toY: (value) => MARGIN.top + (1 - y.place(value)) * plotHeight,
  };
}

/** The name of the upright axis lies above it, where no number of a tick can be in its way. */
export function drawAxes({ height, x, y, toX, toY }: Frame, xLabel: string, yLabel: string): Markup {
  const bottom = height - MARGIN.bottom;
  const right = WIDTH - MARGIN.right;
  return markup`<g class="axes" aria-hidden="true">
${x.ticks.map((tick) => {
  const at = place(toX(tick));
  return markup`<line class="grid" x1="${at}" x2="${at}" y1="${MARGIN.top}" y2="${bottom}"/><text x="${at}" y="${bottom + 18}" text-anchor="middle">${tickText(tick)}</text>`;
})}
${y.ticks.map((tick) => {
  const at = toY(tick);
  return markup`<line class="${tick === 0 ? 'grid zero' : 'grid'}" x1="${MARGIN.left}" x2="${right}" y1="${place(at)}" y2="${place(at)}"/><text x="${MARGIN.left - 5}" y="${place(at + 4)}" text-anchor="end">${tickText(tick)}</text>`;
})}
<text x="${place((MARGIN.left + right) / 2)}" y="${height - 6}" text-anchor="middle">${xLabel}</text>
<text x="2" y="12">${yLabel}</text>
</g>`;
}

/** @param table its numbers, or nothing where another table of the section has them */
export function figure(text: FigureText, height: number, drawing: readonly Markup[], table?: Markup): Markup {
  const { id, title, summary, level } = text;
  return markup`<figure>
<h${level}>${title}</h${level}>
<svg role="img" viewBox="0 0 ${WIDTH} ${height}" aria-labelledby="${id}-title ${id}-summary">
<title id="${id}-title">${title}</title>
<desc id="${id}-summary">${summary}</desc>
${drawing}
</svg>
<figcaption>${summary}</figcaption>
${table ?? []}
</figure>`;
}

/** Folded away until asked for. */
export function numbersOf(what: string, table: Markup): Markup {
  return markup`<details><summary>Numbers: ${what}</summary>
${table}
</details>`;
}

export interface Column {
  head: string;
  /** Text columns are set flush left, numbers flush right. */
  isText?: true;
}

/** The first cell of a row is its heading. Scrolls sideways by itself where it is too wide. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): Markup {
  const classOf = ({ isText }: Column): string => (isText ? 'text' : 'number');
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map((column) => markup`<th scope="col" class="${classOf(column)}">${column.head}</th>`)}</tr></thead>
<tbody>
${rows.map(
  (row) =>
    markup`<tr>${row.map((cell, i) =>
      i === 0
        ? markup`<th scope="row" class="${classOf(columns[i])}">${cell}</th>`
        : markup`<td class="${classOf(columns[i])}">${cell}</td>`,
    )}</tr>`,
)}
</tbody></table></div>`;
}

/** To a tenth of a unit of the picture. */
export function place(value: number): string {
  return String(Math.round(value * 10) / 10);
}
