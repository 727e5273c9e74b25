/** Channels that changed since the decoder in service was made: as a table, and the rates before and after. */
import type { ChannelChange, ChannelState } from '../../calibration/session/channel-changes.ts';
import type { SessionReport } from '../../calibration/session/session-report.ts';
import { rootAxis } from './axis.ts';
import { drawAxes, figure, frameOf, MARGIN, numbersOf, place, table, WIDTH } from './figure.ts';
import type { Column, Frame } from './figure.ts';
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';
import { counted, fixed, listed } from './numbers.ts';

export function channelSection(report: SessionReport): Markup {
  const { all, changedCount, rule } = report.channels;
  const changed = all.filter(({ state }) => state !== 'unchanged');
  return markup`<section id="channels"><h2>Channels that changed</h2>
<p><strong>${changesText(report)}</strong></p>
<p class="faint">Since the data that the decoder in service was made on. ${rule}</p>
<div class="figures beside">${ratePlot(all)}${changedCount === 0 ? [] : changedTable(changed)}</div>
${numbersOf(`rates of all ${counted(all.length, 'channel')}`, fullTable(all))}
</section>`;
}

/** Of one, and of several. */
const CHANGES: readonly (readonly [ChannelState, string, string])[] = [
  ['fell silent', 'fell silent', 'fell silent'],
  ['gone', 'is gone', 'are gone'],
  ['stuck', 'got stuck', 'got stuck'],
  ['woke up', 'woke up', 'woke up'],
  ['new', 'is new', 'are new'],
  ['rate rose', 'rose in rate', 'rose in rate'],
  ['rate fell', 'fell in rate', 'fell in rate'],
];

/** '20 of 96 channels: 8 fell silent and 12 rose in rate.' */
export function changesText({ channels: { all } }: SessionReport): string {
  const parts = CHANGES.flatMap(([state, one, several]) => {
    const count = all.filter((channel) => channel.state === state).length;
    return count === 0 ? [] : [`${count} ${count === 1 ? one : several}`];
  });
  const changedCount = all.filter(({ state }) => state !== 'unchanged').length;
  if (changedCount === 0) return `No channel of ${all.length}.`;
  return `${changedCount} of ${counted(all.length, 'channel')}: ${listed(parts)}.`;
}

const SHORT_COLUMNS: readonly Column[] = [
  { head: 'Channel', isText: true },
  { head: 'What happened', isText: true },
  { head: 'Before, Hz' },
  { head: 'Now, Hz' },
  { head: 'Factor' },
];

function shortRow({ label, state, baseHz, sessionHz, factor }: ChannelChange): string[] {
  return [
    label,
    state,
    fixed(baseHz, 2),
    fixed(sessionHz, 2),
    factor === null ? '–' : `×\u00a0${fixed(factor, 2)}`,
  ];
}

function changedTable(channels: readonly ChannelChange[]): Markup {
  return markup`<div class="long">${table('Channels that changed, in the order of the session', SHORT_COLUMNS, channels.map(shortRow))}</div>`;
}

function fullTable(channels: readonly ChannelChange[]): Markup {
  return table(
    'Rates of all channels. z: the change in standard deviations of what chance allows; shift: of the mean count, in standard deviations of the counts before',
    [...SHORT_COLUMNS, { head: 'z' }, { head: 'Shift, SD' }],
    channels.map((channel) => [...shortRow(channel), fixed(channel.z, 1), fixed(channel.shiftDeviations, 2)]),
  );
}

const HEIGHT = WIDTH - MARGIN.left - MARGIN.right + MARGIN.top + MARGIN.bottom;

function ratePlot(channels: readonly ChannelChange[]): Markup {
  const rates = channels.flatMap(({ baseHz, sessionHz }) => [baseHz ?? 0, sessionHz ?? 0]);
  const axis = rootAxis(rates);
  const frame = frameOf(axis, axis, HEIGHT);
  const equal = markup`<line class="equal" x1="${place(frame.toX(0))}" y1="${place(frame.toY(0))}" x2="${place(frame.toX(axis.max))}" y2="${place(frame.toY(axis.max))}"/>`;
  // Those that changed lie above those that did not.
  const ordered = [...channels].sort(
    (a, b) => Number(b.state === 'unchanged') - Number(a.state === 'unchanged'),
  );
  return figure(
    {
      id: 'rates',
      title: 'Spikes per second, before and now',
      summary: rateSummary(channels),
      level: 3,
    },
    HEIGHT,
    [
      drawAxes(frame, 'before, Hz (root scale)', 'now, Hz (root scale)'),
      equal,
      ...ordered.map((channel) => drawChannel(frame, channel)),
    ],
    rateKey(),
  );
}

function rateSummary(channels: readonly ChannelChange[]): string {
  const median = (values: readonly (number | null)[]): string => {
    const known = values.filter((value) => value !== null).sort((a, b) => a - b);
    return known.length === 0 ? '–' : fixed(known[Math.floor(known.length / 2)], 1);
  };
  return (
    `One sign for each channel; on the dashed line the rate is what it was. Median ` +
    `${median(channels.map(({ baseHz }) => baseHz))} Hz before, ${median(channels.map(({ sessionHz }) => sessionHz))} Hz now.`
  );
}

/** Triangles up and down, crosses for what is lost, diamonds for what is new, rings for the rest. */
function drawChannel(frame: Frame, { state, baseHz, sessionHz }: ChannelChange): Markup {
  return signOf(state, frame.toX(baseHz ?? 0), frame.toY(sessionHz ?? 0));
}

function signOf(state: ChannelState, x: number, y: number): Markup {
  const at = (dx: number, dy: number): string => `${place(x + dx)},${place(y + dy)}`;
  switch (state) {
    case 'rate rose':
      return markup`<polygon class="changed" points="${at(0, -6)} ${at(5.5, 4)} ${at(-5.5, 4)}"/>`;
    case 'rate fell':
      return markup`<polygon class="fell" points="${at(0, 6)} ${at(5.5, -4)} ${at(-5.5, -4)}"/>`;
    case 'woke up':
    case 'new':
      return markup`<polygon class="changed" points="${at(0, -6)} ${at(6, 0)} ${at(0, 6)} ${at(-6, 0)}"/>`;
    case 'fell silent':
    case 'gone':
    case 'stuck':
      return markup`<polyline class="lost" points="${at(-4.5, -4.5)} ${at(4.5, 4.5)}"/><polyline class="lost" points="${at(-4.5, 4.5)} ${at(4.5, -4.5)}"/>`;
    case 'unchanged':
      return markup`<circle class="same" cx="${place(x)}" cy="${place(y)}" r="2.5"/>`;
  }
}

function rateKey(): Markup {
  const signs: readonly (readonly [ChannelState, string])[] = [
    ['rate rose', 'Rate rose'],
    ['rate fell', 'Rate fell'],
    ['fell silent', 'Fell silent, stuck or gone'],
    ['woke up', 'Woke up or new'],
    ['unchanged', 'Unchanged'],
  ];
  return markup`<ul class="key">${signs.map(
    ([state, name]) =>
      markup`<li><svg viewBox="0 0 44 16" aria-hidden="true">${signOf(state, 22, 8)}</svg>${name}</li>`,
  )}</ul>`;
}
