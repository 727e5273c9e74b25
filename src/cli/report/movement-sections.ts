/** True and decoded movement in the worst, the median and the best held-out block: over time, and as paths. */
import type { ReportTrace, SessionReport } from '../../calibration/session/session-report.ts';
import { numbersOf, table } from './figure.ts';
import { lineKey } from './key.ts';
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';
import { capital, fixed, listed, r2, rangeS, worded } from './numbers.ts';
import { linePlot, pathPlot } from './plots.ts';
import type { Line } from './plots.ts';

export function movementSections(report: SessionReport): Markup {
  const { blocks, output, positions } = report;
  const shown = chooseBlocks(blocks.map((block) => block.r2.candidate));
  const names = listed(shown.map(({ name }) => name));
  return markup`<section id="velocity"><h2>True and decoded ${worded(output.name)} over time</h2>
<p>${shown.length === 1 ? 'The only held-out block.' : `The ${names} of the held-out blocks, by the R² of the new decoder.`} Values are in ${output.unit}; all blocks are in the JSON file beside this page.</p>
${lineKey(['truth', 'candidate', 'inService'])}
${shown.map(({ block, name }) => velocityPlots(report, block, name))}
</section>
<section id="paths"><h2>Paths</h2>
${positions === null ? markup`<p>Not drawn: the ${worded(output.name)} is in ${output.unit}, which is no velocity that could be added up to a path.</p>` : pathPlots(report, positions, shown)}
</section>`;
}

interface Shown {
  block: number;
  name: string;
}

/** @param scores of each block; with fewer than three, only those there are. An R2 that is not a number is the worst. */
export function chooseBlocks(scores: readonly number[]): Shown[] {
  const worth = (block: number): number => (Number.isNaN(scores[block]) ? -Infinity : scores[block]);
  const order = scores.map((_, block) => block).sort((a, b) => (worth(a) < worth(b) ? -1 : 1));
  if (order.length === 0) return [];
  if (order.length === 1) return [{ block: 0, name: 'only block' }];
  const worst = { block: order[0], name: 'worst' };
  const best = { block: order[order.length - 1], name: 'best' };
  if (order.length === 2) return [worst, best];
  return [worst, { block: order[Math.floor((order.length - 1) / 2)], name: 'median' }, best];
}

function velocityPlots(report: SessionReport, block: number, name: string): Markup {
  const { blocks, output, outputs, session } = report;
  const { startS, endS, r2: scores } = blocks[block];
  const trace = outputs[block];
  const timesS = trace.truth[0].map((_, bin) => startS + (bin * session.binMs) / 1000);
  const range = [...trace.truth, ...trace.candidate, ...trace.inService].flat();
  const plots = output.labels.map((label, d) =>
    linePlot(
      {
        id: `velocity-${block}-${d}`,
        title: `${capital(worded(output.name))} ${label}, ${name}: ${rangeS(startS, endS)}`,
        summary: traceSummary(trace, d, output.unit),
        level: 4,
      },
      (['truth', 'candidate', 'inService'] as const).map((role): Line => ({
        role,
        points: trace[role][d].map((value, bin) => [timesS[bin], value]),
      })),
      { x: 'time in the session, s', y: `${label}, ${output.unit}` },
      range,
    ),
  );
  return markup`<h3>${capital(name)}: ${rangeS(startS, endS)}, R² ${r2(scores.candidate)} (in service ${r2(scores.inService)})</h3>
<div class="figures two">${plots}</div>
${numbersOf(`${worded(output.name)}, ${rangeS(startS, endS)}`, traceTable(report, trace, timesS))}`;
}

/** A table of more rows would not be read. */
const ROWS_MAX = 60;

function traceTable({ output }: SessionReport, trace: ReportTrace, timesS: readonly number[]): Markup {
  const every = Math.max(1, Math.ceil(timesS.length / ROWS_MAX));
  const bins = timesS.map((_, bin) => bin).filter((bin) => bin % every === 0);
  const caption = `${capital(worded(output.name))} in ${output.unit}${every === 1 ? '' : `; one bin in ${every}, all are in the JSON file`}`;
  return table(
    caption,
    [
      { head: 'Time, s' },
      ...output.labels.flatMap((label) => [
        { head: `${label} true` },
        { head: `${label} new` },
        { head: `${label} in service` },
      ]),
    ],
    bins.map((bin) => [
      fixed(timesS[bin], 2),
      ...output.labels.flatMap((_, d) =>
        [trace.truth, trace.candidate, trace.inService].map((columns) => fixed(columns[d][bin], 3)),
      ),
    ]),
  );
}

function traceSummary(trace: ReportTrace, d: number, unit: string): string {
  const [low, high] = [Math.min(...trace.truth[d]), Math.max(...trace.truth[d])];
  return (
    `The true value goes from ${fixed(low, 2)} to ${fixed(high, 2)} ${unit}. The new decoder is ` +
    `${fixed(rmsError(trace.candidate[d], trace.truth[d]), 3)} ${unit} off (root mean square), the one in service ` +
    `${fixed(rmsError(trace.inService[d], trace.truth[d]), 3)}.`
  );
}

function rmsError(values: readonly number[], truth: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value, i) => sum + (value - truth[i]) ** 2, 0) / values.length);
}

function pathPlots(
  { blocks, output, session }: SessionReport,
  positions: NonNullable<SessionReport['positions']>,
  shown: readonly Shown[],
): Markup {
  if (output.labels.length < 2)
    return markup`<p>Not drawn: the ${worded(output.name)} has one dimension only.</p>`;
  const [x, y] = output.labels;
  const plots = shown.map(({ block, name }) => {
    const { startS, endS } = blocks[block];
    const trace = positions.blocks[block];
    return pathPlot(
      {
        id: `path-${block}`,
        title: `Path, ${name}: ${rangeS(startS, endS)}`,
        summary: pathSummary(trace, positions.unit),
        level: 3,
      },
      (['truth', 'candidate', 'inService'] as const).map((role): Line => ({
        role,
        points: [
          [0, 0] as const,
          ...trace[role][0].map((value, bin) => [value, trace[role][1][bin]] as const),
        ],
      })),
      { x: `${x}, ${positions.unit}`, y: `${y}, ${positions.unit}` },
      numbersOf(`ends of the path, ${rangeS(startS, endS)}`, endsTable(trace, [x, y], positions.unit)),
    );
  });
  const others =
    output.labels.length === 2 ? '' : ` Only the first two of ${output.labels.length} dimensions are drawn.`;
  return markup`<p>${capital(worded(output.name))} added up from the start of each block (square), so that errors add up too: a path can end (dot) elsewhere although the velocity is good; look whether its shape is right.${others} Bins of ${session.binMs} ms.</p>
${lineKey(['truth', 'candidate', 'inService'])}
<div class="figures">${plots}</div>`;
}

function endOf(columns: ReportTrace['truth']): [number, number] {
  return [columns[0].at(-1) ?? 0, columns[1].at(-1) ?? 0];
}

function pathSummary(trace: ReportTrace, unit: string): string {
  const [trueX, trueY] = endOf(trace.truth);
  const miss = (columns: ReportTrace['truth']): string => {
    const [x, y] = endOf(columns);
    return fixed(Math.hypot(x - trueX, y - trueY), 3);
  };
  return `The new decoder's path ends ${miss(trace.candidate)} ${unit} from the true end, that of the decoder in service ${miss(trace.inService)} ${unit}.`;
}

function endsTable(trace: ReportTrace, labels: readonly string[], unit: string): Markup {
  const row = (name: string, columns: ReportTrace['truth']): string[] => [
    name,
    ...endOf(columns).map((value) => fixed(value, 3)),
  ];
  return table(
    `Where the paths end, in ${unit} from their start`,
    [{ head: 'Path', isText: true }, ...labels.map((head) => ({ head }))],
    [row('True', trace.truth), row('New', trace.candidate), row('In service', trace.inService)],
  );
}
