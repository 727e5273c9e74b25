import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BetzError } from '../../src/core/errors.ts';
import { readSession } from '../../src/recording/session-recording.ts';
import type { SessionRecording } from '../../src/recording/session-recording.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { temporaryFolder } from '../support/recording-folder.ts';
import { childWriter, writeSession } from '../support/recording-session.ts';

const folder = temporaryFolder();
const newPath = (): string => join(folder, `${randomUUID()}.mcap`);

describe('a file that was cut or damaged', () => {
  it('gives every whole chunk, wherever it is cut', async () => {
    const bytes = readFileSync(await writeSession(newPath(), 250));
    const cut = newPath();
    let binCount = 0;
    let withoutHead = 0;
    for (let length = 0; length < bytes.length; length += length < 2500 ? 1 : 211) {
      writeFileSync(cut, bytes.subarray(0, length));
      try {
        const { bins, outputs, isComplete, damage } = readSession(cut);
        expect([isComplete, damage]).toEqual([false, undefined]);
        expect(bins.count).toBeGreaterThanOrEqual(binCount);
        expect(outputs.count).toBe(bins.count);
        binCount = bins.count;
        for (let i = 0; i < bins.count; i++) expect(bins.binIndex[i]).toBe(i);
      } catch (error) {
        expect(error).toMatchObject({ code: 'LOG_SESSION_TRUNCATED' });
        expect(binCount).toBe(0);
        withoutHead = length;
      }
    }
    expect(binCount).toBe(250); // only the index was missing at the last cut
    expect(withoutHead).toBeLessThan(1500); // the head is written before anything else
  });

  it('never gives wrong bins, whichever byte changed, and says that it is damaged', async () => {
    const path = await writeSession(newPath(), 4);
    const bytes = readFileSync(path);
    const whole = readSession(path);
    const wholeText = JSON.stringify(whole);
    const isBeginning = (part: Float32Array, all: Float32Array): boolean =>
      part.every((v, i) => v === all[i]);
    const damagedPath = newPath();
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] ^= at % 2 === 0 ? 0x01 : 0xff;
      writeFileSync(damagedPath, damaged);
      let session: SessionRecording;
      try {
        session = readSession(damagedPath);
      } catch (error) {
        const code = error instanceof BetzError ? error.code : String(error);
        expect(code).toMatch(/^LOG_(SESSION_(CORRUPT|TRUNCATED|VERSION)|FORMAT_UNKNOWN)$/);
        continue;
      }
      // Thousands of comparisons: the matcher is left to the verdict.
      const isRight =
        isBeginning(session.bins.features, whole.bins.features) &&
        isBeginning(session.outputs.output, whole.outputs.output);
      // Behind the data there is only the index, which this reader does not need.
      const isWhole = !session.isComplete || JSON.stringify(session) === wholeText;
      if (!isRight || !isWhole) expect.fail(`byte ${at} changed: ${JSON.stringify(session)}`);
    }
  });

  it('with garbage or zeros behind the last chunk, as after a loss of power', async () => {
    const bytes = readFileSync(await writeSession(newPath(), 100));
    const path = newPath();
    for (const filler of [0x00, 0x5a, 0xff]) {
      writeFileSync(
        path,
        Buffer.concat([bytes.subarray(0, bytes.length - 2000), Buffer.alloc(10_000, filler)]),
      );
      const session = readSession(path);
      expect(session.isComplete).toBe(false);
      expect(session.bins.count % 100).toBe(0);
    }
  });

  it.each([
    ['empty', '', 'LOG_SESSION_TRUNCATED'],
    ['half a magic', '\x89MCA', 'LOG_SESSION_TRUNCATED'],
    ['text', 'time,x,y', 'LOG_FORMAT_UNKNOWN'],
  ])('that is %s', (_what, content, code) => {
    const path = newPath();
    writeFileSync(path, content, 'latin1');
    expect(betzErrorOf(() => readSession(path)).code).toBe(code);
  });

  it('that is missing or a folder', () => {
    expect(betzErrorOf(() => readSession(join(folder, 'absent.mcap'))).code).toBe('LOG_FILE_MISSING');
    expect(betzErrorOf(() => readSession(folder)).code).toBe('LOG_FILE_IS_DIRECTORY');
  });

  it('of a later format names its version and writer', async () => {
    const bytes = readFileSync(await writeSession(newPath(), 1));
    const at = bytes.indexOf('formatVersion') + 'formatVersion'.length + 4;
    bytes[at] = '7'.charCodeAt(0);
    const path = newPath();
    writeFileSync(path, bytes);
    const error = betzErrorOf(() => readSession(path));
    expect(error).toMatchObject({ code: 'LOG_SESSION_VERSION', value: '7' });
    expect(error.message).toContain('expected 1 (written by betz/0.1.0');
  });
});

describe('a process that is killed', () => {
  it('with kill -9 leaves every bin that was flushed, in order, without holes', async () => {
    const path = newPath();
    // Flushes after 1,000 bins and says so, then goes on writing until it is killed.
    const script = `
      for (let i = 0; ; i++) {
        writer.writeBin(binRecord(i));
        await writer.ready();
        if (i === 999) {
          await writer.flush();
          process.stdout.write('flushed');
        }
        if (i % 100 === 0) await new Promise(setImmediate);
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', childWriter(path, script)]);
    let errors = '';
    child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
    child.stdout.once('data', () => child.kill('SIGKILL'));
    const signal = await new Promise((resolve) =>
      child.once('exit', (_code, by) => {
        resolve(by);
      }),
    );
    expect([signal, errors]).toEqual(['SIGKILL', '']);
    const { bins, outputs, latency, isComplete, damage, summary } = readSession(path);
    expect([isComplete, damage, summary]).toEqual([false, undefined, undefined]);
    expect(bins.count).toBeGreaterThanOrEqual(1000);
    expect([outputs.count, latency.count]).toEqual([bins.count, bins.count]);
    for (let i = 0; i < bins.count; i++) expect(bins.binIndex[i]).toBe(i);
  });
});
