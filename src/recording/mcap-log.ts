/**
 * Builds an MCAP file (https://mcap.dev/spec, version 0) as a series of byte blocks, each to be appended whole.
 * Blocks end at chunk borders, so a file made of the first n blocks can be read.
 *
 * `McapWriter` of the same library decides by size alone when a chunk ends, and offers no way to end one; a log
 * that must survive the end of its process has to end them by time. So this is built on the library's record and
 * chunk builders. Schemas and channels are written before the first chunk: they are there however early the file
 * is cut.
 */
import { crc32 } from 'node:zlib';
import { LIBRARY_IDENTIFIER, McapChunkBuilder, McapRecordBuilder, Opcode } from '@mcap/core';
import type { McapTypes } from '@mcap/core';

interface McapTopic {
  topic: string;
  /** Of messages encoded as JSON. */
  schemaName: string;
  jsonSchema: object;
  metadata: ReadonlyMap<string, string>;
}

export interface McapLogOptions {
  profile: string;
  /** Who writes: the name of the program and its version. */
  writer: string;
  /** Message topics; a message names its topic by its index here. */
  topics: readonly McapTopic[];
}

const FOOTER_CRC_AT = 1 + 8 + 8 + 8;

export class McapLog {
  private readonly options: McapLogOptions;
  private readonly records = new McapRecordBuilder();
  private readonly chunk = new McapChunkBuilder({ useMessageIndex: true });
  private readonly schemas: McapTypes.Schema[];
  private readonly channels: McapTypes.Channel[];
  private readonly sequences: number[];
  private readonly chunkIndexes: McapTypes.ChunkIndex[] = [];
  private readonly metadataIndexes: McapTypes.MetadataIndex[] = [];
  private readonly statistics: McapTypes.Statistics;
  /** Bytes of all blocks up to now, and their CRC. */
  private position = 0;
  private dataCrc = 0;

  constructor(options: McapLogOptions) {
    this.options = options;
    this.schemas = options.topics.map(({ schemaName, jsonSchema }, index) => ({
      id: index + 1, // 0 means "no schema"
      name: schemaName,
      encoding: 'jsonschema',
      data: new TextEncoder().encode(JSON.stringify(jsonSchema)),
    }));
    this.channels = options.topics.map(({ topic, metadata }, index) => ({
      id: index,
      schemaId: index + 1,
      topic,
      messageEncoding: 'json',
      metadata: new Map(metadata),
    }));
    this.sequences = options.topics.map(() => 0);
    this.statistics = {
      messageCount: 0n,
      schemaCount: this.schemas.length,
      channelCount: this.channels.length,
      attachmentCount: 0,
      metadataCount: 0,
      chunkCount: 0,
      messageStartTime: 0n,
      messageEndTime: 0n,
      channelMessageCounts: new Map(this.channels.map(({ id }) => [id, 0n])),
    };
  }

  /** The first block. */
  head(metadata: McapTypes.Metadata): Uint8Array {
    const { profile, writer } = this.options;
    this.records.writeMagic();
    this.records.writeHeader({ profile, library: `${writer} ${LIBRARY_IDENTIFIER}` });
    this.writeMetadata(metadata);
    for (const schema of this.schemas) this.records.writeSchema(schema);
    for (const channel of this.channels) this.records.writeChannel(channel);
    return this.takeDataBlock();
  }

  /** Adds a message to the open chunk. */
  addMessage(topicIndex: number, logTime: bigint, data: Uint8Array): void {
    this.chunk.addMessage({
      channelId: topicIndex,
      sequence: this.sequences[topicIndex]++ >>> 0,
      logTime,
      publishTime: logTime,
      data,
    });
    const { statistics } = this;
    const isFirst = statistics.messageCount === 0n;
    if (isFirst || logTime < statistics.messageStartTime) statistics.messageStartTime = logTime;
    if (isFirst || logTime > statistics.messageEndTime) statistics.messageEndTime = logTime;
    statistics.messageCount++;
    const counts = statistics.channelMessageCounts;
    counts.set(topicIndex, (counts.get(topicIndex) ?? 0n) + 1n);
  }

  /** Bytes in the open chunk. */
  openBytes(): number {
    return this.chunk.byteLength;
  }

  /** Ends the open chunk. Undefined when it is empty. */
  closeChunk(): Uint8Array | undefined {
    if (this.chunk.numMessages === 0) return undefined;
    const { messageStartTime, messageEndTime, buffer } = this.chunk;
    const size = BigInt(buffer.byteLength);
    const compression = '';
    const chunkStartOffset = this.offset();
    const chunkLength = this.records.writeChunk({
      messageStartTime,
      messageEndTime,
      uncompressedSize: size,
      uncompressedCrc: crc32(buffer),
      compression,
      records: buffer,
    });
    const messageIndexOffsets = new Map<number, bigint>();
    let messageIndexLength = 0n;
    for (const index of this.chunk.indices) {
      messageIndexOffsets.set(index.channelId, this.offset());
      messageIndexLength += this.records.writeMessageIndex(index);
    }
    this.chunkIndexes.push({
      messageStartTime,
      messageEndTime,
      chunkStartOffset,
      chunkLength,
      messageIndexOffsets,
      messageIndexLength,
      compression,
      compressedSize: size,
      uncompressedSize: size,
    });
    this.statistics.chunkCount++;
    this.chunk.reset();
    return this.takeDataBlock();
  }

  /** The last block: a metadata record, the index, the end. The open chunk must have been closed. */
  end(metadata: McapTypes.Metadata): Uint8Array {
    const { records } = this;
    this.writeMetadata(metadata);
    const lastData = this.takeDataBlock();
    records.writeDataEnd({ dataSectionCrc: this.dataCrc });
    const dataEnd = this.take();

    const summaryStart = this.offset();
    const offsets: McapTypes.SummaryOffset[] = [];
    const group = (groupOpcode: Opcode, write: () => void): void => {
      const groupStart = this.offset();
      write();
      const groupLength = this.offset() - groupStart;
      if (groupLength > 0n) offsets.push({ groupOpcode, groupStart, groupLength });
    };
    group(Opcode.SCHEMA, () => {
      for (const schema of this.schemas) records.writeSchema(schema);
    });
    group(Opcode.CHANNEL, () => {
      for (const channel of this.channels) records.writeChannel(channel);
    });
    group(Opcode.STATISTICS, () => records.writeStatistics(this.statistics));
    group(Opcode.METADATA_INDEX, () => {
      for (const index of this.metadataIndexes) records.writeMetadataIndex(index);
    });
    group(Opcode.CHUNK_INDEX, () => {
      for (const index of this.chunkIndexes) records.writeChunkIndex(index);
    });
    const summaryOffsetStart = this.offset();
    for (const offset of offsets) records.writeSummaryOffset(offset);

    const footerAt = records.length;
    records.writeFooter({ summaryStart, summaryOffsetStart, summaryCrc: 0 });
    records.writeMagic();
    const summary = this.take();
    // The CRC covers the summary and the footer up to the CRC itself.
    const crcAt = footerAt + FOOTER_CRC_AT;
    const view = new DataView(summary.buffer, summary.byteOffset, summary.byteLength);
    view.setUint32(crcAt, crc32(summary.subarray(0, crcAt)), true);
    return Buffer.concat([lastData, dataEnd, summary]);
  }

  private writeMetadata(metadata: McapTypes.Metadata): void {
    const offset = this.offset();
    const length = this.records.writeMetadata(metadata);
    this.metadataIndexes.push({ offset, length, name: metadata.name });
    this.statistics.metadataCount++;
  }

  /** Where the next record will lie in the file. */
  private offset(): bigint {
    return BigInt(this.position + this.records.length);
  }

  private takeDataBlock(): Uint8Array {
    const block = this.take();
    this.dataCrc = crc32(block, this.dataCrc);
    return block;
  }

  private take(): Uint8Array {
    const block = this.records.buffer; // a copy
    this.records.reset();
    this.position += block.byteLength;
    return block;
  }
}
