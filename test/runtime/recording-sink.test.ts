import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BetzError } from '../../src/core/errors.ts';
import { AppendFile } from '../../src/recording/append-file.ts';
import { readSession } from '../../src/recording/session-recording.ts';
import { SessionWriter } from '../../src/recording/session-writer.ts';
import { RecordingSink } from '../../src/runtime/recording-sink.ts';
import { SinkQueue } from '../../src/runtime/sink-queue.ts';
import type { SessionDescription } from '../../src/runtime/sink.ts';
import { temporaryFolder } from '../support/recording-folder.ts';
import { binRecord } from '../support/sessions.ts';

const folder = temporaryFolder();
const DESCRIPTION: SessionDescription = {
  source: 'simulated array',
  model: 'gru 3-8',
  channels: ['a', 'b', 'c'].map((label) => ({ label, unit: 'count' })),
  binMs: 10,
  isPaced: true,
  output: { name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' },
  truth: { name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' },
  isTruthComparable: true,
  anchorUnixMs: Date.UTC(2024, 0, 2),
  anchorNs: 5e9,
};

function create(path = join(folder, `${randomUUID()}.mcap`)) {
  const sink = new RecordingSink({
    path,
    modelHash: 'sha256:00ff',
    config: { seed: 7 },
    versions: { betz: '0.1.0' },
  });
  return { path, sink };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('RecordingSink', () => {
  it('writes what a session gives it, in the units of the format', async () => {
    const { path, sink } = create();
    await sink.open(DESCRIPTION);
    for (let bin = 0; bin < 3; bin++) await sink.write(binRecord(bin));
    sink.writeEvent({ event: { kind: 'join', frameIndex: 10 }, timeNs: 5.02e9 });
    const error = new BetzError('IPC_STOP_TIMEOUT', 'it did not stop', { tip: 'Report it.' });
    sink.writeEvent({ event: { kind: 'failed', error }, timeNs: 5.03e9 });
    await sink.close({ bins: 3 });
    const { info, bins, outputs, latency, events, summary, isComplete } = readSession(path);
    expect(isComplete).toBe(true);
    expect(info).toEqual({
      model: 'gru 3-8',
      modelHash: 'sha256:00ff',
      source: 'simulated array',
      binMs: 10,
      isPaced: true,
      channelLabels: ['a', 'b', 'c'],
      featureUnit: 'count',
      output: DESCRIPTION.output,
      config: { seed: 7 },
      versions: { betz: '0.1.0' },
      anchor: { monotonicNs: 5e9, wallClockMs: Date.UTC(2024, 0, 2) },
    });
    expect([...bins.edgeNs]).toEqual([5.01e9, 5.02e9, 5.03e9]);
    expect([...bins.features]).toEqual([0, 1, 2, 1, 2, 3, 2, 3, 4]);
    expect([...outputs.output]).toEqual([0, -0.25, 0.125, -0.5, 0.25, -0.75]);
    expect([...outputs.truth]).toEqual([0, 0.25, 0.5, 0.25, 1, 0.25]);
    expect([...latency.queueDelayUs]).toEqual([20, 20, 20]);
    expect([...latency.computeTimeUs]).toEqual([43, 43, 43]);
    expect([...latency.endToEndLatencyUs]).toEqual([74, 74, 74]);
    expect(events).toEqual([
      { timeNs: 5.02e9, kind: 'join', detail: { frameIndex: 10 } },
      { timeNs: 5.03e9, kind: 'failed', detail: { error: 'it did not stop' } },
    ]);
    expect(summary?.get('bins')).toBe('3');
  });

  it('leaves out a truth that is of something else than the output', async () => {
    const { path, sink } = create();
    await sink.open({ ...DESCRIPTION, isTruthComparable: false });
    await sink.write({ ...binRecord(0), truth: Float32Array.of(1, 2, 3) });
    await sink.close({});
    expect([...readSession(path).outputs.truth]).toEqual([Number.NaN, Number.NaN]);
  });

  it('does not overwrite a file unless it may', async () => {
    const { path, sink } = create();
    writeFileSync(path, 'precious');
    await expect(sink.open(DESCRIPTION)).rejects.toMatchObject({ code: 'LOG_FILE_EXISTS', value: path });
    const bold = new RecordingSink({ path, overwrite: true, modelHash: '', config: {}, versions: {} });
    await bold.open(DESCRIPTION);
    await bold.close({});
    expect(readSession(path).isComplete).toBe(true);
  });

  it('waits for the disk only where there is no schedule to keep', async () => {
    let catchUp: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => (catchUp = resolve));
    vi.spyOn(SessionWriter.prototype, 'ready').mockReturnValue(ready);
    const written: string[] = [];
    for (const isPaced of [true, false]) {
      const { sink } = create();
      await sink.open({ ...DESCRIPTION, isPaced });
      void sink.write(binRecord(0)).then(() => written.push(isPaced ? 'paced' : 'unpaced'));
      await new Promise(setImmediate);
      expect(written).toEqual(['paced']);
      if (!isPaced) catchUp();
      await sink.close({});
    }
    expect(written).toEqual(['paced', 'unpaced']);
  });

  it.each([true, false])(
    'counts every record once when the disk fails in the middle (paced: %s)',
    async (isPaced) => {
      const { path, sink } = create();
      const failures: Error[] = [];
      const queue = new SinkQueue(sink, (_sink, error) => failures.push(error));
      await queue.open({ ...DESCRIPTION, isPaced });
      const write = vi.spyOn(AppendFile.prototype, 'write');
      let offered = 0;
      for (; failures.length === 0 || offered < 1000; offered++) {
        // By then the first chunk, of a second, is on its way.
        if (offered === 250)
          write.mockRejectedValue(new BetzError('LOG_WRITE_FAILED', 'no disk', { tip: 'Check it.' }));
        queue.push(binRecord(offered));
        await new Promise(setImmediate); // the pace of a session
      }
      await queue.drain(1000);
      await queue.close({}, 1000);
      const { written, lost } = queue.account();
      expect(failures).toMatchObject([{ code: 'LOG_WRITE_FAILED' }]);
      expect(written).toBe(readSession(path).bins.count);
      expect(written).toBeGreaterThan(0);
      expect(written + lost).toBe(offered);
    },
  );
});
