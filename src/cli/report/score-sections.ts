/** How good the new decoder is, beside the one in service and the baseline: as a table, and block by block. */
import type { ReportScores, SessionReport } from '../../calibration/session/session-report.ts';
import { lagText } from '../metrics-text.ts';
import { extremes, barPlot } from './plots.ts';
import type { BarGroup } from './plots.ts';
import { numbersOf, table } from './figure.ts';
import { barKey } from './key.ts';
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';
import { counted, fixed, gain, r2, rangeS, superscripted, worded } from './numbers.ts';

export function comparisonSection({ scores, output, data, verdict, methods }: SessionReport): Markup {
  const row = (name: string, one: ReportScores): string[] => [
    name,
    ...one.r2.map(r2),
    r2(one.r2Mean),
    one === scores.candidate ? '–' : gain(scores.candidate.r2Mean - one.r2Mean),
    ...one.pearsonR.map(r2),
  ];
  return markup`<section id="comparison"><h2>New decoder, decoder in service, baseline</h2>
<p>The decoder in service is the one that was used until now. The ridge baseline is plain linear regression, fitted to the same data as the new decoder: a decoder that is no better than that is not worth its trouble.</p>
<p>R² says how much of the movement a decoder gets right: 1 is all of it, 0 is no better than always saying the mean, below 0 is worse than that. The correlation r only says whether decoded and true movement rise and fall together, not whether their sizes agree: read it beside R².</p>
${table(
  `R² and correlation of the ${worded(output.name)}${lagText(output.lagMs)} on the ${fixed(data.heldOutSeconds, 1)} s held out`,
  [
    { head: 'Decoder', isText: true },
    ...output.labels.map((label) => ({ head: `R² ${label}` })),
    { head: 'R² mean' },
    { head: 'New is better by' },
    ...output.labels.map((label) => ({ head: `r ${label}` })),
  ],
  [
    row(`New (${chosenMethod(methods)})`, scores.candidate),
    row('In service', scores.inService),
    row('Ridge baseline', scores.baseline),
  ],
)}
<p class="faint">${superscripted(verdict.rule)} ${verdict.knownSeconds > 0 ? 'None of the three fits saw the held-out blocks, but the decoder in service had learned from these data before.' : 'None of the three learned from the held-out blocks.'} But what to keep of a training (its best step, the strength of a penalty, the best method of those tried) was chosen by them, which flatters the new decoder a little.</p>
</section>`;
}

function chosenMethod(methods: SessionReport['methods']): string {
  return methods.find(({ isChosen }) => isChosen)?.method ?? 'unknown method';
}

const BLOCKS_PER_PLOT = 6;

export function blockSection({ blocks, verdict }: SessionReport): Markup {
  const groups = blocks.map(({ startS, endS, r2: { candidate, inService, baseline } }): BarGroup => ({
    label: rangeS(startS, endS),
    bars: [
      { role: 'candidate', value: candidate },
      { role: 'inService', value: inService },
      { role: 'baseline', value: baseline },
    ],
  }));
  const range = extremes(groups.flatMap(({ bars }) => bars.map(({ value }) => value)));
  const plots = Array.from({ length: Math.ceil(groups.length / BLOCKS_PER_PLOT) }, (_, i) => {
    const shown = groups.slice(i * BLOCKS_PER_PLOT, (i + 1) * BLOCKS_PER_PLOT);
    return barPlot(
      {
        id: `blocks-${i + 1}`,
        title: `R² of ${counted(shown.length, 'held-out block')}`,
        summary: blocksSummary(blocks.slice(i * BLOCKS_PER_PLOT, (i + 1) * BLOCKS_PER_PLOT)),
        level: 3,
      },
      shown,
      range,
    );
  });
  return markup`<section id="blocks"><h2>R² block by block</h2>
<p>A held-out block is a stretch of the session that nothing was learned from${verdict.knownSeconds > 0 ? ' in this calibration' : ''}. The new decoder is better than the one in service in ${verdict.betterBlocks} of ${counted(verdict.blockCount, 'block')}, and better than the baseline in ${verdict.betterBlocksThanBaseline}.</p>
${barKey()}
<div class="figures two">${plots}</div>
${numbersOf(
  'R² of each block',
  table(
    'R² of each held-out block, mean of the dimensions; the variance is that of all blocks together',
    [{ head: 'Block', isText: true }, { head: 'New' }, { head: 'In service' }, { head: 'Baseline' }],
    blocks.map(({ startS, endS, r2: one }) => [
      rangeS(startS, endS),
      r2(one.candidate),
      r2(one.inService),
      r2(one.baseline),
    ]),
  ),
)}
</section>`;
}

function blocksSummary(blocks: SessionReport['blocks']): string {
  const range = (values: readonly number[]): string => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return low === high ? r2(low) : `${r2(low)} to ${r2(high)}`;
  };
  return (
    `New decoder ${range(blocks.map((block) => block.r2.candidate))}, in service ` +
    `${range(blocks.map((block) => block.r2.inService))}, baseline ${range(blocks.map((block) => block.r2.baseline))}.`
  );
}
