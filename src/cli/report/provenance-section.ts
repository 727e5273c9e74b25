/** Where everything comes from: enough to do it again. */
import type { SessionReport } from '../../calibration/session/session-report.ts';
import { lagText } from '../metrics-text.ts';
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';
import { counted, fixed, listed, rangeS } from './numbers.ts';

export function provenanceSection({
  session,
  output,
  base,
  data,
  blocks,
  seed,
  schema,
  version,
  provenance,
}: SessionReport): Markup {
  const ranges = (parts: readonly (readonly [number, number])[]): string =>
    listed(parts.map(([startS, endS]) => rangeS(startS, endS)));
  const facts: [string, string][] = [
    ['Session', session.name],
    [
      'Data',
      `${counted(session.channelCount, 'channel')}, ${session.binCount} bins of ${session.binMs} ms, ${fixed(session.seconds, 1)} s` +
        (session.joinsS.length === 0
          ? ', no joins'
          : `, joins at ${listed(session.joinsS.map((joinS) => fixed(joinS, 1)))} s`),
    ],
    ['Output', `${output.name} (${output.labels.join(', ')}) in ${output.unit}${lagText(output.lagMs)}`],
    ['Decoder in service', `${base.kind}, ${counted(base.channelCount, 'channel')}`],
    ['Learned from', `${fixed(data.fitSeconds, 1)} s: ${ranges(data.fitS)}`],
    [
      'Judged on',
      `${fixed(data.heldOutSeconds, 1)} s: ${ranges(blocks.map(({ startS, endS }) => [startS, endS]))}; the new decoder itself was then fitted on all data`,
    ],
    ['Seed', String(seed)],
    ...Object.entries(provenance).map(([name, value]): [string, string] => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
    ['Report', `${schema}, version ${version}`],
  ];
  return markup`<section id="provenance"><h2>Provenance</h2>
<dl>
${facts.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}
</dl>
</section>`;
}
