import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { McapStreamReader } from '@mcap/core';
import { describe, expect, it, vi } from 'vitest';
import { readSession } from '../../src/recording/session-recording.ts';
import { SessionWriter } from '../../src/recording/session-writer.ts';
import { betzErrorOfAsync } from '../support/recording-errors.ts';
import { temporaryFolder } from '../support/recording-folder.ts';
import { binRecord, childWriter, edgeNsOf, sessionInfo } from '../support/recording-session.ts';

const folder = temporaryFolder();
const newPath = (): string => join(folder, `${randomUUID()}.mcap`);

describe('a writer that gets more than the disk takes', () => {
  it('drops and counts records in a burst, and the file says so', async () => {
    const path = newPath();
    const writer = await SessionWriter.create(path, sessionInfo(), { pendingBytesMax: 100_000 });
    const accepted: number[] = [];
    for (let i = 0; i < 5000; i++) if (writer.writeBin(binRecord(i))) accepted.push(i);
    writer.writeEvent({ timeNs: edgeNsOf(4999), kind: 'unheard' });
    expect(accepted.length).toBeLessThan(5000);
    await writer.ready();
    for (let i = 5000; i < 5010; i++) expect(writer.writeBin(binRecord(i))).toBe(true);
    const account = writer.account();
    expect(account).toMatchObject({ droppedBins: 5000 - accepted.length, droppedEvents: 1 });
    expect(account.writtenBins + account.pendingBins).toBe(accepted.length + 10);
    await writer.close();
    expect(writer.account()).toMatchObject({ writtenBins: accepted.length + 10, pendingBins: 0 });
    const session = readSession(path);
    expect(session.isComplete).toBe(true);
    expect(session.bins.count).toBe(accepted.length + 10);
    expect(Array.from(session.bins.binIndex.subarray(0, accepted.length))).toEqual(accepted);
    // It stands behind the last record before the gap.
    expect(session.events).toEqual([
      {
        timeNs: edgeNsOf(accepted[accepted.length - 1]),
        kind: 'recordsDropped',
        detail: { recordCount: account.droppedBins + 1 },
      },
    ]);
    expect(session.summary?.get('droppedBins')).toBe(String(account.droppedBins));
  });

  it('loses nothing of 50,000 bins of 256 features when its user waits until it is ready', async () => {
    const path = newPath();
    const writer = await SessionWriter.create(path, sessionInfo(256), { pendingBytesMax: 4_000_000 });
    const bin = binRecord(0, 256);
    for (let binIndex = 0; binIndex < 50_000; binIndex++) {
      await writer.ready();
      writer.writeBin({ ...bin, binIndex, edgeNs: edgeNsOf(binIndex) });
    }
    await writer.close();
    expect(writer.account()).toMatchObject({ writtenBins: 50_000, droppedBins: 0 });
    const { bins, isComplete } = readSession(path);
    expect([bins.count, isComplete]).toEqual([50_000, true]);
    expect(bins.binIndex[49_999]).toBe(49_999);
  });
});

describe('the life of a writer', () => {
  it('what a source sent before it fell silent is on disk a second later', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const writer = await SessionWriter.create(newPath(), sessionInfo());
    writer.writeBin(binRecord(0));
    vi.advanceTimersByTime(999);
    await writer.ready();
    expect(writer.account()).toMatchObject({ writtenBins: 0, pendingBins: 1 });
    vi.advanceTimersByTime(1);
    while (writer.account().pendingBins > 0) await new Promise(setImmediate);
    expect(writer.account().writtenBins).toBe(1);
    vi.useRealTimers();
    await writer.close();
  });

  it('what was flushed can be read while it is still open', async () => {
    const path = newPath();
    const writer = await SessionWriter.create(path, sessionInfo());
    expect(readSession(path)).toMatchObject({ isComplete: false, info: sessionInfo() });
    writer.writeBin(binRecord(0));
    await writer.flush();
    writer.writeBin(binRecord(1));
    expect(readSession(path).bins.count).toBe(1);
    await writer.close();
    expect(readSession(path).bins.count).toBe(2);
  });

  it('close is idempotent, and what comes later is dropped and counted', async () => {
    const path = newPath();
    const writer = await SessionWriter.create(path, sessionInfo());
    const closing = [writer.close(), writer.close()];
    expect(writer.writeBin(binRecord(0))).toBe(false);
    await Promise.all(closing);
    await writer.close();
    await writer.ready();
    await writer.flush();
    expect(writer.writeEvent({ timeNs: 0, kind: 'late' })).toBe(false);
    expect(writer.account()).toMatchObject({ droppedBins: 1, droppedEvents: 1 });
    expect(readSession(path)).toMatchObject({ isComplete: true });
  });

  it('refuses records of the wrong size as a programmer error', async () => {
    const writer = await SessionWriter.create(newPath(), sessionInfo());
    expect(() => writer.writeBin(binRecord(0, 4))).toThrow('features have one number for each channel');
    expect(() => writer.writeBin({ ...binRecord(0), output: [1] })).toThrow(
      'output has one number for each label',
    );
    await writer.close();
  });
});

describe('paths that cannot be written', () => {
  const create = (path: string, options = {}): Promise<SessionWriter> =>
    SessionWriter.create(path, sessionInfo(), options);

  it('an existing file is kept unless it may be overwritten', async () => {
    const path = newPath();
    writeFileSync(path, 'precious');
    const error = await betzErrorOfAsync(() => create(path));
    expect(error).toMatchObject({ code: 'LOG_FILE_EXISTS', value: path });
    expect(readFileSync(path, 'utf8')).toBe('precious');
    await (await create(path, { overwrite: true })).close();
    expect(readSession(path).isComplete).toBe(true);
  });

  it('a missing folder, a file as a folder, a folder as a file', async () => {
    const absent = await betzErrorOfAsync(() => create(join(folder, 'absent', 'a.mcap')));
    expect(absent.code).toBe('LOG_FOLDER_MISSING');
    writeFileSync(join(folder, 'plain'), '');
    const below = await betzErrorOfAsync(() => create(join(folder, 'plain', 'a.mcap')));
    expect(below.code).toBe('LOG_FOLDER_MISSING');
    mkdirSync(join(folder, 'dir'));
    const directory = await betzErrorOfAsync(() => create(join(folder, 'dir'), { overwrite: true }));
    expect(directory.code).toBe('LOG_PATH_NOT_WRITABLE');
  });

  it.skipIf(!existsSync('/dev/full'))(
    'a full disk at the start is an error, and a device is never removed',
    async () => {
      // By way of a link, so that a failure of this test costs the link and not the device.
      const path = newPath();
      symlinkSync('/dev/full', path);
      const error = await betzErrorOfAsync(() => create(path, { overwrite: true }));
      expect(error.code).toBe('LOG_DISK_FULL');
      expect(lstatSync(path).isSymbolicLink()).toBe(true);
    },
  );
});

describe.skipIf(process.platform === 'win32')('a disk that fills up during the session', () => {
  it('is reported once, drops and counts what follows, and leaves a file that can be read', () => {
    const path = newPath();
    const script = `
      const offered = 5000;
      for (let i = 0; i < offered; i++) {
        writer.writeBin(binRecord(i));
        await writer.ready();
      }
      const errors = [];
      await writer.flush().catch((error) => errors.push(error.code));
      await writer.close().catch((error) => errors.push(error.code));
      console.log(JSON.stringify({ failures, errors, account: writer.account(), offered }));`;
    // The limit on the size of files stands for the end of the disk: 64 KiB.
    const limited = `ulimit -f 64; exec "$0" "$@"`;
    const { stdout, stderr } = spawnSync(
      'bash',
      ['-c', limited, process.execPath, '--input-type=module', '-e', childWriter(path, script)],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    const result = JSON.parse(stdout) as {
      failures: string[];
      errors: string[];
      account: { writtenBins: number; pendingBins: number; droppedBins: number };
      offered: number;
    };
    expect(result.failures).toEqual(['LOG_DISK_FULL']);
    expect(result.errors).toEqual(['LOG_DISK_FULL', 'LOG_DISK_FULL']);
    const { writtenBins, pendingBins, droppedBins } = result.account;
    expect(droppedBins).toBeGreaterThan(0);
    expect([writtenBins + droppedBins, pendingBins]).toEqual([result.offered, 0]);
    const session = readSession(path);
    expect(session).toMatchObject({ isComplete: false, damage: undefined });
    expect(session.bins.count).toBeGreaterThanOrEqual(100);
    expect(session.bins.count).toBe(writtenBins);
    // What did not fit was cut off: the file ends with a whole record.
    const reader = new McapStreamReader();
    reader.append(readFileSync(path));
    while (reader.nextRecord() !== undefined);
    expect(reader.bytesRemaining()).toBe(0);
  });
});
