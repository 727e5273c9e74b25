/** What to type to do as the verdict says, and to go back. */
import type { SessionReport } from '../../calibration/session/session-report.ts';
import type { Decision } from '../../calibration/session/report-verdict.ts';
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';

/** Terms and their descriptions. The commands are missing where the report does not know the files. */
export function nextStep({ verdict, base, provenance }: SessionReport): Markup {
  const { model, replaces } = provenance;
  const advice = markup`<dt>What to do</dt><dd>${ADVICE[verdict.decision]}</dd>`;
  if (typeof model !== 'string' || typeof replaces !== 'string') return advice;
  const use = markup`<dt>To use the new decoder</dt><dd>${run(model)}</dd>`;
  if (!base.isJudgedAsItIs) return markup`${advice}${use}`;
  const isUse = verdict.decision === 'use' || verdict.decision === 'useWithCare';
  return isUse
    ? markup`${advice}${use}
<dt>To go back to the one before</dt><dd>${run(replaces)} (its file was not touched)</dd>`
    : markup`${advice}
<dt>To go on with the one in service</dt><dd>${run(replaces)} (the new one is in <code>${model}</code>)</dd>`;
}

const ADVICE: Readonly<Record<Decision, string>> = {
  use: 'Use the new decoder, and watch how the first movements go; going back is one command.',
  useWithCare:
    'Use the new decoder, watch it closely, and calibrate again on more data when there is time; going back is one command.',
  keep: 'Go on with the decoder in service. If control is poor, collect more data, in all directions of movement, and calibrate again.',
  collectAgain:
    'Check electrodes, connector and signals first. Then collect data again, and calibrate on them.',
};

function run(path: string): Markup {
  return markup`<code>betz run --model ${quoted(path)}</code>`;
}

/** As a shell takes it for one word. */
function quoted(path: string): string {
  return /^[\w./\\:@%+,=-]+$/.test(path) ? path : `"${path}"`;
}
