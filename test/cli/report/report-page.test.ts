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
    ['use', true, ['To use the new decoder: ', 'new &amp; better', 'To go back', 'old']],
    ['useWithCare', true, ['To use the new decoder: ', 'new &amp; better', 'To go back', 'old']],
    [
      'keep',
      true,
      ['To go on with the decoder in service: ', 'old', 'The new one is in', 'new &amp; better'],
    ],
    ['collectAgain', true, ['To go on with the decoder in service: ', 'old', 'The new one is in']],
    ['keep', false, ['To use the new decoder: ', 'new &amp; better']],
  ] as const)('says what to type: %s, as it is: %s', (decision, isJudgedAsItIs, expected) => {
    const html = reportPage({
      ...trained,
      verdict: { ...trained.verdict, decision },
      base: { ...trained.base, isJudgedAsItIs },
      provenance: { model: 'new & better', replaces: 'old' },
    });
    const verdict = html.slice(html.indexOf('class="verdict"'), html.indexOf('</section>'));
    const places = expected.map((text) => verdict.indexOf(text));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((one, other) => one - other));
    expect(verdict.includes('betz run --model old')).toBe(isJudgedAsItIs);
    expect(openTags(html)).toEqual([]);
  });

  it('names no file that it does not know', () => {
    expect(page).not.toContain('betz run --model');
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
