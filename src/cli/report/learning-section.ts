/** Methods that were tried, and how the training of each went. */
import type { ReportMethod, SessionReport } from '../../calibration/session/session-report.ts';
import { numbersOf, table } from './figure.ts';
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';
import { counted, fixed, r2 } from './numbers.ts';
import type { SessionMethod } from '../../calibration/session/session-methods.ts';
import { linePlot } from './plots.ts';

export function learningSection({ methods, output, scores }: SessionReport): Markup {
  return markup`<section id="learning"><h2>How it was learned</h2>
${table(
  'Methods that were tried, with their R² on the held-out blocks',
  [
    { head: 'Method', isText: true },
    { head: 'What it changes', isText: true },
    { head: 'Chosen', isText: true },
    ...output.labels.map((label) => ({ head: `R² ${label}` })),
    { head: 'R² mean' },
    { head: 'Fit, s' },
  ],
  methods.map(({ method, isChosen, r2: each, r2Mean, fitSeconds }) => [
    method,
    CHANGES[method],
    isChosen ? 'yes' : 'no',
    ...each.map(r2),
    r2(r2Mean),
    fixed(fitSeconds, 2),
  ]),
)}
${methods.filter(({ learningCurve }) => learningCurve.length < 2).map(noCurve)}
<div class="figures two">${methods.filter(({ learningCurve }) => learningCurve.length > 1).map((method) => learningPlot(method, scores.inService.r2Mean))}</div>
</section>`;
}

const CHANGES: Readonly<Record<SessionMethod, string>> = {
  readout: 'the last layer, in one go',
  rls: 'the last layer, bin by bin',
  'read-in': 'how the channels enter',
  ends: 'how the channels enter, and the last layer',
  lora: 'how the channels enter, and a little of all layers',
  full: 'all layers',
  scratch: 'all layers, knowing nothing before',
  normalise: 'mean and spread of each channel',
  stabilize: 'how the channels enter, without labels',
  auto: 'what suits the amount of data',
};

/** A few checks make a curve; one alone would be a dot. */
function noCurve({ method, learningCurve: checks }: ReportMethod): Markup {
  if (checks.length === 0)
    return markup`<p>No learning curve for ${method}: it is solved in one go, without training steps.</p>`;
  const [{ step, validationR2 }] = checks;
  return markup`<p>No learning curve for ${method}: it was checked once only, at step ${step}, with R² ${r2(validationR2)}.</p>`;
}

function learningPlot({ method, learningCurve: checks, r2Mean }: ReportMethod, before: number): Markup {
  const first = checks[0];
  const last = checks[checks.length - 1];
  const points = checks.map(({ step, validationR2 }) => [step, validationR2 ?? Number.NaN] as const);
  const numbers = table(
    `Checks of ${method}`,
    [{ head: 'Step' }, { head: 'Loss' }, { head: 'R²' }],
    checks.map(({ step, loss, validationR2 }) => [String(step), fixed(loss, 4), r2(validationR2)]),
  );
  return linePlot(
    {
      id: `learning-${method}`,
      title: `Learning curve of ${method}`,
      summary:
        `${counted(checks.length, 'check')} from step ${first.step} (R² ${r2(first.validationR2)}, loss ${fixed(first.loss, 3)}) to step ` +
        `${last.step} (R² ${r2(last.validationR2)}, loss ${fixed(last.loss, 3)}); the best was kept. Dashed: the decoder in service, ${r2(before)}.`,
      level: 3,
    },
    [
      { role: 'inService', points: [first, last].map(({ step }) => [step, before] as const) },
      { role: 'candidate', points, hasDots: true },
    ],
    { x: 'training step', y: 'R² at the check' },
    [before, r2Mean, ...points.map(([, value]) => value)],
    numbersOf(`checks of ${method}`, numbers),
  );
}
