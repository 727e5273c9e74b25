/**
 * The report of a session calibration as one HTML file: no script, nothing fetched, everything inside. In the order in which it is
 * asked for: what to do, whether it is better, where, what it looks like, how it was learned, what changed, and where all comes from.
 */
import type { Decision } from '../../calibration/session/report-verdict.ts';
import type { SessionReport } from '../../calibration/session/session-report.ts';
import { otherChannelsText } from '../calibration-text.ts';
import { channelSection, changesText } from './channel-section.ts';
import { learningSection } from './learning-section.ts';
import { Markup, markup } from './markup.ts';
import { movementSections } from './movement-sections.ts';
import { nextStep } from './next-step.ts';
import { capital, counted, fixed, superscripted } from './numbers.ts';
import { PAGE_STYLE } from './page-style.ts';
import { provenanceSection } from './provenance-section.ts';
import { blockSection, comparisonSection } from './score-sections.ts';

const ANSWERS: Readonly<Record<Decision, string>> = {
  use: '✓ Use the new decoder',
  useWithCare: '! Use the new decoder with care',
  keep: '= Keep the decoder in service',
  collectAgain: '✗ Check the signals, collect again',
};

const SECTIONS = [
  ['comparison', 'New, in service, baseline'],
  ['blocks', 'Block by block'],
  ['velocity', 'Decoded movement'],
  ['learning', 'Learning'],
  ['channels', 'Channels'],
  ['provenance', 'Provenance'],
] as const;

export function reportPage(report: SessionReport): string {
  const { session, verdict } = report;
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>Calibration of ${session.name}</title>
<style>
${new Markup(PAGE_STYLE)}
</style>
</head>
<body>
<svg width="0" height="0" aria-hidden="true" class="unseen"><defs><pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="stripes" x1="0" y1="0" x2="0" y2="6"/></pattern></defs></svg>
<main>
<h1>Calibration of ${session.name}</h1>
<p class="faint">${counted(session.channelCount, 'channel')}, ${fixed(session.seconds, 1)} s in bins of ${session.binMs} ms. Of these, ${fixed(report.data.heldOutSeconds, 1)} s in ${counted(report.blocks.length, 'block')} were held out to judge on: the new decoder learned from them only after that.</p>
<section class="verdict" aria-label="Verdict">
<p class="answer">${ANSWERS[verdict.decision]}</p>
<p class="sentence">${superscripted(capital(verdict.reason))}</p>
${laterSentence(report)}
<p>${superscripted(verdict.besideBaseline)}</p>
${cautions(report)}
<dl>
<dt>What changed</dt><dd>${changesText(report)} <a href="#channels">Which</a></dd>
${nextStep(report)}
</dl>
</section>
<nav aria-label="Parts of the report"><ul>
${SECTIONS.map(([id, name]) => markup`<li><a href="#${id}">${name}</a></li>`)}
</ul></nav>
${comparisonSection(report)}
${blockSection(report)}
${movementSections(report)}
${learningSection(report)}
${channelSection(report)}
${provenanceSection(report)}
</main>
</body>
</html>
`;
  return page.text;
}

/** The one figure in which nothing flatters the new decoder. */
function laterSentence({ later }: SessionReport): Markup {
  if (later === null) return markup``;
  const { seconds, knownSeconds, candidate, inService } = later;
  const known =
    knownSeconds === 0
      ? ''
      : `, of which the decoder in service had learned from ${fixed(knownSeconds, 0)} s before`;
  return markup`<p>On the ${fixed(seconds, 0)} s after these data${known}: R² ${fixed(candidate.r2Mean, 2)}${inService === null ? '' : `, the decoder in service ${fixed(inService.r2Mean, 2)}`}.</p>`;
}

/** Held-out data of less than this say little about the hours to come. */
const FEW_SECONDS = 10;

/** What the reader must know before the figures are believed. */
function cautions({ data, blocks, base, channels, session }: SessionReport): Markup[] {
  const said: Markup[] = [];
  if (data.heldOutSeconds < FEW_SECONDS || blocks.length < 2) {
    said.push(
      markup`<p>The figures rest on only ${data.heldOutSeconds.toFixed(1)} s in ${counted(blocks.length, 'block')}: take them as rough.</p>`,
    );
  }
  if (!base.isJudgedAsItIs) {
    said.push(markup`<p>${otherChannelsText(base.channelCount, session.channelCount)}</p>`);
  }
  const lost = channels.all.filter(
    ({ state }) => state === 'fell silent' || state === 'gone' || state === 'stuck',
  );
  if (lost.length * 4 >= channels.all.length) {
    said.push(
      markup`<p>${counted(lost.length, 'channel')} of ${channels.all.length} fell silent, got stuck or are gone: check the connection before you go on.</p>`,
    );
  }
  return said;
}
