/** What to type to do as the verdict says, and to go back. */
import type { SessionReport } from '../../calibration/session/session-report.ts';
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';

/** Empty where the report does not know the files. */
export function nextStep({ verdict, base, provenance }: SessionReport): Markup {
  const { model, replaces } = provenance;
  if (typeof model !== 'string' || typeof replaces !== 'string') return markup``;
  const run = (path: string): Markup => markup`<code>betz run --model ${path}</code>`;
  const isUse = verdict.decision === 'use' || verdict.decision === 'useWithCare';
  if (!base.isJudgedAsItIs) return markup`<p>To use the new decoder: ${run(model)}.</p>`;
  return isUse
    ? markup`<p>To use the new decoder: ${run(model)}. To go back to the one before, whose file was not touched: ${run(replaces)}.</p>`
    : markup`<p>To go on with the decoder in service: ${run(replaces)}. The new one is in <code>${model}</code>.</p>`;
}
