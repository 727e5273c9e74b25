import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { McapIndexedReader, McapStreamReader } from '@mcap/core';
import type { McapTypes } from '@mcap/core';
import { describe, expect, it } from 'vitest';
import { readSession } from '../../src/recording/session-recording.ts';
import { SessionWriter } from '../../src/recording/session-writer.ts';
import { temporaryFolder } from '../support/recording-folder.ts';
import { BIN_NS, binRecord, edgeNsOf, sessionInfo, writeSession } from '../support/recording-session.ts';

const folder = temporaryFolder();
const newPath = (): string => join(folder, `${randomUUID()}.mcap`);

describe('a session that was closed', () => {
  it('comes back as it was written', async () => {
    const session = readSession(await writeSession(newPath(), 250));
    expect(session).toMatchObject({ isComplete: true, damage: undefined, info: sessionInfo() });
    expect(session.summary?.get('r2')).toBe('{"x":0.9,"y":0.8}');
    expect(session.summary?.get('note')).toBe('all well');
    expect(session.summary?.get('writtenBins')).toBe('250');
    const { bins, outputs, latency, events } = session;
    expect([bins.count, outputs.count, latency.count]).toEqual([250, 250, 250]);
    for (let i = 0; i < 250; i++) {
      const bin = binRecord(i);
      expect([bins.binIndex[i], outputs.binIndex[i], latency.binIndex[i]]).toEqual([i, i, i]);
      expect(bins.edgeNs[i]).toBe(bin.edgeNs);
      expect(bins.features.subarray(i * 3, i * 3 + 3)).toEqual(bin.features);
      expect(outputs.output.subarray(i * 2, i * 2 + 2)).toEqual(bin.output);
      expect(outputs.truth.subarray(i * 2, i * 2 + 2)).toEqual(bin.truth);
      expect(latency.queueDelayUs[i]).toBe(bin.queueDelayUs);
      expect(latency.computeTimeUs[i]).toBe(bin.computeTimeUs);
      expect(latency.endToEndLatencyUs[i]).toBe(bin.endToEndLatencyUs);
    }
    expect(events).toEqual([
      { timeNs: edgeNsOf(0) - 1, kind: 'start', detail: {} },
      { timeNs: edgeNsOf(99), kind: 'mark', binIndex: 99, detail: { label: 'go' } },
      { timeNs: edgeNsOf(199), kind: 'mark', binIndex: 199, detail: { label: 'go' } },
    ]);
  });

  it('keeps what is not known or not finite as NaN', async () => {
    const path = newPath();
    const writer = await SessionWriter.create(path, sessionInfo(2, { isPaced: false }));
    const unpaced = { edgeNs: NaN, queueDelayUs: NaN, computeTimeUs: 3, endToEndLatencyUs: NaN };
    writer.writeBin({ binIndex: 4, features: [1, NaN], output: [Infinity, 2], generation: 0, ...unpaced });
    writer.writeEvent({ timeNs: 9, kind: 'late' });
    await writer.close();
    const { bins, outputs, latency, isComplete } = readSession(path);
    expect(isComplete).toBe(true);
    expect(Array.from(bins.features)).toEqual([1, NaN]);
    expect([bins.edgeNs[0], latency.queueDelayUs[0], latency.endToEndLatencyUs[0]]).toEqual([NaN, NaN, NaN]);
    expect(latency.computeTimeUs[0]).toBe(3);
    expect([...outputs.output, ...outputs.truth]).toEqual([NaN, 2, NaN, NaN]);
    const times = messagesOf(path).map(
      (m) => m.logTime - BigInt(sessionInfo().anchor.wallClockMs) * 1_000_000n,
    );
    expect(times).toEqual(Array(4).fill(BigInt(5 * BIN_NS))); // stream time: the end of bin 4
  });

  it('without a single record is complete too', async () => {
    expect(readSession(await writeSession(newPath(), 0)).bins.count).toBe(0);
  });

  it('does not keep the arrays it is given', async () => {
    const path = newPath();
    const writer = await SessionWriter.create(path, sessionInfo());
    const bin = binRecord(0);
    const reused = {
      ...bin,
      features: Float32Array.from(bin.features as Float32Array),
      output: Float32Array.of(1, 2),
    };
    writer.writeBin(reused);
    reused.features.fill(99);
    reused.output.fill(99);
    await writer.close();
    const session = readSession(path);
    expect(session.bins.features).toEqual(bin.features);
    expect(session.outputs.output).toEqual(Float32Array.of(1, 2));
  });
});

function messagesOf(path: string): McapTypes.TypedMcapRecords['Message'][] {
  const reader = new McapStreamReader({ validateCrcs: true });
  reader.append(readFileSync(path));
  const messages: McapTypes.TypedMcapRecords['Message'][] = [];
  for (let record = reader.nextRecord(); record !== undefined; record = reader.nextRecord()) {
    if (record.type === 'Message') messages.push(record);
  }
  expect(reader.done()).toBe(true);
  return messages;
}

describe('other MCAP readers', () => {
  it('the indexed reader finds schemas, channels, statistics, metadata and messages by topic and time', async () => {
    const path = await writeSession(newPath(), 250);
    const bytes = readFileSync(path);
    const reader = await McapIndexedReader.Initialize({
      readable: {
        size: () => Promise.resolve(BigInt(bytes.byteLength)),
        read: (offset, size) =>
          Promise.resolve(new Uint8Array(bytes.subarray(Number(offset), Number(offset + size)))),
      },
    });
    expect(reader.header).toMatchObject({
      profile: 'betz',
      library: expect.stringMatching(/^betz\/0\.1\.0 mcap/) as string,
    });
    expect(Array.from(reader.channelsById.values(), (c) => [c.topic, c.messageEncoding])).toEqual([
      ['/bins', 'json'],
      ['/outputs', 'json'],
      ['/latency', 'json'],
      ['/events', 'json'],
    ]);
    expect(reader.channelsById.get(1)?.metadata.get('unit')).toBe('m/s');
    const schemas = Array.from(reader.schemasById.values());
    expect(schemas.map((s) => [s.name, s.encoding])).toEqual(
      ['bins', 'outputs', 'latency', 'events'].map((topic) => [`betz.${topic}`, 'jsonschema']),
    );
    const binSchema = JSON.parse(new TextDecoder().decode(schemas[0].data)) as Record<string, unknown>;
    expect(binSchema).toMatchObject({
      type: 'object',
      properties: { binIndex: { type: 'integer' }, features: { type: 'array', items: { type: 'number' } } },
      required: ['binIndex', 'features'],
    });
    expect(reader.statistics).toMatchObject({
      messageCount: 753n,
      metadataCount: 2,
      chunkCount: 3,
      channelCount: 4,
    });
    expect(reader.metadataIndexes.map((m) => m.name)).toEqual(['betz.session', 'betz.summary']);
    expect(reader.chunkIndexes).toHaveLength(3);
    for (const index of reader.metadataIndexes) expect(bytes[Number(index.offset)]).toBe(0x0c);

    // Half a second in the middle, by time.
    const startTime = BigInt(sessionInfo().anchor.wallClockMs) * 1_000_000n + BigInt(100 * BIN_NS);
    const found: number[] = [];
    const range = { topics: ['/outputs'], startTime, endTime: startTime + BigInt(50 * BIN_NS) - 1n };
    for await (const message of reader.readMessages(range)) {
      found.push((JSON.parse(new TextDecoder().decode(message.data)) as { binIndex: number }).binIndex);
    }
    expect(found).toEqual(Array.from({ length: 50 }, (_, i) => 99 + i));
    // Not validated by `Initialize`: nothing may read differently in a second pass with all CRCs on.
    expect(messagesOf(path)).toHaveLength(753);
  });

  it('a closed chunk holds at most a second, and a record is never split over two', async () => {
    const reader = new McapStreamReader({ includeChunks: true });
    reader.append(readFileSync(await writeSession(newPath(), 1000)));
    const chunks: { first: bigint; last: bigint; messages: number }[] = [];
    for (let record = reader.nextRecord(); record !== undefined; record = reader.nextRecord()) {
      if (record.type === 'Chunk')
        chunks.push({ first: record.messageStartTime, last: record.messageEndTime, messages: 0 });
      if (record.type === 'Message' && record.channelId < 3) chunks[chunks.length - 1].messages++;
    }
    expect(chunks.length).toBeGreaterThanOrEqual(10);
    for (const { first, last, messages } of chunks) {
      expect(last - first).toBeLessThan(1_000_000_000n);
      expect(messages % 3).toBe(0);
    }
  });
});
