import { beforeAll, describe, expect, it } from 'vitest';
import { simulateRecording } from '../../../src/acquisition/simulated/simulate-recording.ts';
import { calibrateSession } from '../../../src/calibration/session/calibrate-session.ts';
import type { SessionMethod } from '../../../src/calibration/session/session-methods.ts';
import { sessionReport } from '../../../src/calibration/session/session-report.ts';
import type { SessionReport } from '../../../src/calibration/session/session-report.ts';
import { chooseBlocks } from '../../../src/cli/report/movement-sections.ts';
import { reportPage } from '../../../src/cli/report/report-page.ts';
import { findDecoderKind } from '../../../src/decoders/registry.ts';
import { createCalibrationHost } from '../../../src/host/calibration-host.ts';
import { randomModel } from '../../support/decoder-models.ts';

const HOSTILE = '<script>alert("x")</script> & \'co\'';
const CHANNELS = 12;
const VOID = new Set(['meta', 'line', 'path', 'rect', 'circle', 'polygon', 'polyline', 'br', 'use']);

/** A session of 20 s whose names are not harmless. */
async function reportOf(method: SessionMethod): Promise<SessionReport> {
  const simulated = simulateRecording({ seed: 2, channelCount: CHANNELS }, 20, 20);
  const channels = simulated.channels.map((channel, i) =>
    i === 3 ? { ...channel, label: HOSTILE } : channel,
  );
  const recording = { ...simulated, name: `monday ${HOSTILE}`, channels };
  const shape = { inputCount: CHANNELS, outputCount: 2 };
  const model = randomModel(findDecoderKind('gru'), shape, { hiddenCount: 8 }, 1);
  const { name, labels, unit } = recording.target;
  const base = {
    ...model,
    features: { ...model.features, channelLabels: channels.map(({ label }) => label) },
    output: { name, labels, unit },
  };
  const options = { method, training: { stepCount: 12 } };
  const calibration = await calibrateSession(base, recording, options, createCalibrationHost(1));
  return sessionReport(base, recording, calibration, { seed: 1, provenance: { by: HOSTILE } });
}

/** Every tag that is opened is closed, in order. */
function openTags(html: string): string[] {
  const open: string[] = [];
  const body = html.replace(/<style>[\s\S]*?<\/style>/, '').replace('<!doctype html>', '');
  for (const [, isEnd, name, isClosed] of body.matchAll(/<(\/?)([a-zA-Z][a-zA-Z0-9]*)[^>]*?(\/?)>/g)) {
    if (isEnd === '/') {
      if (open.pop() !== name) return [`${name} closed too early`];
    } else if (isClosed !== '/' && !VOID.has(name)) open.push(name);
  }
  return open;
}

function verdictPart(page: string): string {
  return page.slice(page.indexOf('class="verdict"'), page.indexOf('</section>'));
}

describe('the page about a calibration', () => {
  let trained: SessionReport;
  let page: string;

  beforeAll(async () => {
    trained = await reportOf('full');
    page = reportPage(trained);
  });

  it('is well formed, and one file that fetches and runs nothing', () => {
    expect(openTags(page)).toEqual([]);
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/<script|<link|<img|<iframe|url\(\s*['"]?http/);
  });

  it('has headings without a gap between their levels', () => {
    const levels = Array.from(page.matchAll(/<h([1-6])>/g), ([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    expect(new Set(levels)).toEqual(new Set([1, 2, 3, 4]));
    for (const [i, level] of levels.entries()) expect(level).toBeLessThanOrEqual((levels[i - 1] ?? 0) + 1);
  });

  it('escapes what comes from outside, wherever it stands', () => {
    expect(page).not.toContain(HOSTILE);
    expect(
      page.split('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;co&#39;').length,
    ).toBeGreaterThan(3);
  });

  it('says the verdict first, and every R2 of blocks and decoders', () => {
    expect(page.indexOf('class="verdict"')).toBeLessThan(page.indexOf('id="comparison"'));
    expect(trained.blocks.length).toBeGreaterThan(2);
    const printed = (value: number): string => Math.abs(value).toFixed(3);
    for (const { r2 } of trained.blocks) {
      for (const value of Object.values(r2)) expect(page).toContain(printed(value));
    }
    for (const { r2Mean } of Object.values(trained.scores)) expect(page).toContain(printed(r2Mean));
  });

  it.each([
    [
      'use',
      true,
      ['going back is', 'To use the new decoder', '&quot;new &amp; better&quot;', 'To go back', 'old'],
    ],
    ['useWithCare', true, ['more data', 'To use the new decoder', 'new &amp; better', 'To go back', 'old']],
    [
      'keep',
      true,
      ['Go on with', 'To go on with the one in service', 'old', 'the new one is in', 'new &amp; better'],
    ],
    ['collectAgain', true, ['Check electrodes', 'To go on with', 'old', 'the new one is in']],
    ['keep', false, ['To use the new decoder', 'new &amp; better']],
  ] as const)('says what to type: %s, as it is: %s', (decision, isJudgedAsItIs, expected) => {
    const html = reportPage({
      ...trained,
      verdict: { ...trained.verdict, decision },
      base: { ...trained.base, isJudgedAsItIs },
      provenance: { model: 'new & better', replaces: 'old' },
    });
    const verdict = verdictPart(html);
    const places = expected.map((text) => verdict.indexOf(text));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((one, other) => one - other));
    expect(verdict.includes('betz run --model old')).toBe(isJudgedAsItIs);
    expect(openTags(html)).toEqual([]);
  });

  it('names no file that it does not know', () => {
    expect(page).not.toContain('betz run --model');
    expect(verdictPart(page)).toContain('What to do');
  });

  it('gives the advice once, then its reason', () => {
    const { decision, sentence, reason } = trained.verdict;
    expect(sentence.endsWith(`: ${reason}`)).toBe(true);
    const said = `${reason[0].toUpperCase()}${reason.slice(1)}`.replaceAll('R2', 'R²');
    expect(verdictPart(page)).toContain(`<p class="sentence">${said}</p>`);
    expect([decision, verdictPart(page).includes('R2')]).toEqual(['collectAgain', false]);
  });

  it('says in the verdict how it was on the data after, and which of them the decoder in service knew', () => {
    expect(trained.later).toBeNull();
    expect(page).not.toContain('s after these data');
    const { candidate, inService } = trained.scores;
    const later = {
      seconds: 120,
      knownSeconds: 30,
      candidate: { ...candidate, r2Mean: 0.514 },
      inService: { ...inService, r2Mean: -0.25 },
    };
    const shown = (one: { knownSeconds?: number; inService?: null }): string =>
      verdictPart(reportPage({ ...trained, later: { ...later, ...one } }));
    expect(shown({})).toContain(
      'On the 120 s after these data, of which the decoder in service had learned from 30 s before: R² 0.51, the decoder in service −0.25.',
    );
    expect(shown({ knownSeconds: 0, inService: null })).toContain('On the 120 s after these data: R² 0.51.');
  });

  it('says in the verdict what changed', () => {
    const states = ['rate fell', 'fell silent', 'rate rose', 'fell silent', 'new'] as const;
    const all = trained.channels.all.map((channel, i) => ({ ...channel, state: states[i] ?? 'unchanged' }));
    const shown = (channels: SessionReport['channels']): string =>
      verdictPart(reportPage({ ...trained, channels }));
    expect(shown({ ...trained.channels, all })).toContain(
      '5 of 12 channels: 2 fell silent, 1 is new, 1 rose in rate and 1 fell in rate.',
    );
    const none = all.map((channel) => ({ ...channel, state: 'unchanged' as const }));
    expect(shown({ ...trained.channels, all: none, changedCount: 0 })).toContain('No channel of 12.');
  });

  it('names the behaviour in words', () => {
    expect(page).toContain('hand velocity');
    expect(page.slice(0, page.indexOf('id="provenance"'))).not.toContain('handVelocity');
  });

  it('keeps the numbers of an axis and its name apart', () => {
    const figures = page.match(/<g class="axes" aria-hidden="true">[\s\S]*?<\/g>/g) ?? [];
    expect(figures.length).toBeGreaterThan(5);
    for (const axes of figures) {
      const texts = Array.from(axes.matchAll(/<text x="([\d.-]+)" y="([\d.-]+)"/g), ([, x, y]) => [+x, +y]);
      const [name, ...numbers] = texts.reverse();
      // Lines of 12 px: no two of them on one height and at one place.
      for (const [, y] of numbers) expect(y - name[1]).toBeGreaterThan(11);
      for (const [i, [x, y]] of texts.entries())
        for (const [otherX, otherY] of texts.slice(i + 1))
          expect(Math.abs(x - otherX) > 11 || Math.abs(y - otherY) > 11).toBe(true);
    }
  });

  it('goes through JSON and is the same', () => {
    expect([trained.schema, trained.version]).toEqual(['betz.sessionReport', 1]);
    const read = JSON.parse(JSON.stringify(trained)) as SessionReport;
    expect(reportPage(read)).toBe(page);
  });

  it('says that there is no learning curve where there is none', async () => {
    const readout = await reportOf('readout');
    expect(reportPage(readout)).toContain('No learning curve for readout');
    expect(openTags(reportPage(readout))).toEqual([]);
    expect(page).not.toContain('No learning curve for full');
  });

  it('holds the movement of every held-out block, as it was before the blocks were learned from', () => {
    expect(trained.outputs).toHaveLength(trained.blocks.length);
    const { startS, endS } = trained.blocks[0];
    const bins = Math.round(((endS - startS) * 1000) / trained.session.binMs);
    for (const role of ['truth', 'candidate', 'inService'] as const) {
      expect(trained.outputs[0][role].map((dimension) => dimension.length)).toEqual([bins, bins]);
    }
  });
});

describe('blocks that are shown', () => {
  it.each<[number[], string[]]>([
    [[0.5], ['0 only block']],
    [
      [0.7, 0.2],
      ['1 worst', '0 best'],
    ],
    [
      [0.7, 0.2, 0.9, Number.NaN],
      ['3 worst', '1 median', '2 best'],
    ],
    [[], []],
  ])('of %s: %s', (scores, expected) => {
    expect(chooseBlocks(scores).map(({ block, name }) => `${block} ${name}`)).toEqual(expected);
  });
});
