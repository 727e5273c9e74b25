/**
 * Writes a session recording while the session runs. It lives on the main thread: `writeBin` and `writeEvent`
 * copy the record into the open chunk and return; chunks go to disk behind their back. When the disk cannot
 * keep up, records are dropped and counted; nobody waits.
 *
 * A chunk is closed when it spans a second of session time, when it is a second old, or when it is large: a
 * process that is killed loses at most its last second.
 */
import type { BetzError } from '../core/errors.ts';
import { assert } from '../core/errors.ts';
import { AppendFile, writeError } from './append-file.ts';
import { McapLog } from './mcap-log.ts';
import {
  encodeInfo,
  encodeMetadata,
  INFO_METADATA_NAME,
  jsonSchemaOf,
  SESSION_PROFILE,
  SESSION_TOPICS,
  SUMMARY_METADATA_NAME,
} from './session-messages.ts';
import type { SessionInfo, SessionTopic } from './session-messages.ts';
import type { BinRecord, EventRecord, SessionWriterAccount } from './session-records.ts';
import { WriteQueue } from './write-queue.ts';

const CHUNK_MS_MAX = 1000;
const CHUNK_BYTES_MAX = 2 ** 20;
const PENDING_BYTES_MAX = 2 ** 25;
const NS_PER_MS = 1e6;

export interface SessionWriterOptions {
  /** Default false: an existing file is LOG_FILE_EXISTS. */
  overwrite?: boolean;
  /** How much may wait for the disk before records are dropped. Default 32 MiB. */
  pendingBytesMax?: number;
  /** Called once if writing fails; the session can go on, and later records are dropped and counted. */
  onFailure?: (failure: BetzError) => void;
}

export class SessionWriter {
  readonly path: string;
  private readonly info: SessionInfo;
  private readonly file: AppendFile;
  private readonly log: McapLog;
  private readonly queue: WriteQueue;
  private readonly counts: SessionWriterAccount = {
    writtenBins: 0,
    writtenEvents: 0,
    pendingBins: 0,
    pendingEvents: 0,
    droppedBins: 0,
    droppedEvents: 0,
  };
  /** In the open chunk. */
  private chunkBins = 0;
  private chunkEvents = 0;
  private failure: BetzError | undefined;
  private closing: Promise<void> | undefined;
  /** Where the last record stands, on the monotonic clock and in nanoseconds since 1970. */
  private timeNs: number;
  private logTime: bigint;
  private chunkStartTime = 0n;
  private chunkTimer: NodeJS.Timeout | undefined;
  /** Dropped since the last record that was written. */
  private droppedInARow = 0;

  private constructor(info: SessionInfo, file: AppendFile, log: McapLog, options: SessionWriterOptions) {
    this.path = file.path;
    this.info = info;
    this.file = file;
    this.log = log;
    this.timeNs = info.anchor.monotonicNs;
    this.logTime = this.wallTime(this.timeNs);
    this.queue = new WriteQueue(file, options.pendingBytesMax ?? PENDING_BYTES_MAX, (failure) => {
      this.failure = writeError(file.path, failure);
      options.onFailure?.(this.failure);
    });
  }

  /**
   * Creates the file and writes its head, so that whatever happens next the file says what it is.
   * Throws LOG_FILE_EXISTS, LOG_FOLDER_MISSING, LOG_PATH_NOT_WRITABLE, LOG_DISK_FULL, LOG_WRITE_FAILED.
   */
  static async create(
    path: string,
    info: SessionInfo,
    options: SessionWriterOptions = {},
  ): Promise<SessionWriter> {
    const log = new McapLog({
      profile: SESSION_PROFILE,
      writer: `betz/${info.versions['betz'] ?? 'unknown'}`,
      topics: SESSION_TOPICS.map((topic) => ({
        topic: `/${topic}`,
        schemaName: `betz.${topic}`,
        jsonSchema: jsonSchemaOf(topic),
        metadata: topicMetadata(topic, info),
      })),
    });
    const head = log.head({ name: INFO_METADATA_NAME, metadata: encodeInfo(info) });
    const file = await AppendFile.create(path, options.overwrite ?? false);
    try {
      await file.write(head);
    } catch (failure) {
      await file.discard().catch(() => undefined); // the write's failure is the one to tell
      throw failure;
    }
    return new SessionWriter(info, file, log, options);
  }

  /** Returns whether the record was taken; it is not when the disk is too far behind, has failed, or after `close`. */
  writeBin(bin: BinRecord): boolean {
    const { binIndex, features, output, generation, truth } = bin;
    assert(features.length === this.info.channelLabels.length, 'features have one number for each channel');
    assert(output.length === this.info.output.labels.length, 'output has one number for each label');
    assert(truth === undefined || truth.length === output.length, 'truth is as long as output');
    if (!this.canWrite()) {
      this.counts.droppedBins++;
      return false;
    }
    const { anchor, binMs, isPaced } = this.info;
    const streamNs = anchor.monotonicNs + (binIndex + 1) * binMs * NS_PER_MS;
    this.beginRecord(isPaced && Number.isFinite(bin.edgeNs) ? bin.edgeNs : streamNs);
    this.add('bins', { binIndex, edgeNs: known(bin.edgeNs), features: Array.from(features) });
    this.add('outputs', {
      binIndex,
      output: Array.from(output),
      generation,
      truth: truth === undefined ? undefined : Array.from(truth),
    });
    this.add('latency', {
      binIndex,
      queueDelayUs: known(bin.queueDelayUs),
      computeTimeUs: known(bin.computeTimeUs),
      endToEndLatencyUs: known(bin.endToEndLatencyUs),
    });
    this.counts.pendingBins++;
    this.chunkBins++;
    return true;
  }

  /** Returns whether the record was taken. */
  writeEvent(event: EventRecord): boolean {
    if (!this.canWrite()) {
      this.counts.droppedEvents++;
      return false;
    }
    this.addEvent(event);
    this.counts.pendingEvents++;
    this.chunkEvents++;
    return true;
  }

  account(): SessionWriterAccount {
    return { ...this.counts };
  }

  /** Resolves when the disk has caught up: for a caller that is not paced by a device. Never rejects. */
  ready(): Promise<void> {
    return this.queue.ready();
  }

  /** Ends the open chunk and resolves when everything is on disk. Throws LOG_DISK_FULL, LOG_WRITE_FAILED. */
  async flush(): Promise<void> {
    this.closeChunk();
    await this.queue.drained();
    if (this.failure !== undefined) throw this.failure;
  }

  /**
   * Writes what is left, a summary and the index, and closes the file. Idempotent. If writing failed at any time,
   * the file is closed as it is and the failure is thrown: LOG_DISK_FULL, LOG_WRITE_FAILED.
   *
   * @param summary results of the session, stored beside the writer's own account
   */
  close(summary: Readonly<Record<string, unknown>> = {}): Promise<void> {
    this.closing ??= this.finish(summary);
    return this.closing;
  }

  private async finish(summary: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.droppedInARow > 0 && this.failure === undefined) this.addDropEvent();
    this.closeChunk();
    await this.queue.drained(); // the summary tells what is on disk
    const { writtenBins, writtenEvents, droppedBins, droppedEvents } = this.counts;
    const account = { writtenBins, writtenEvents, droppedBins, droppedEvents };
    const metadata = encodeMetadata({ ...summary, ...account });
    this.queue.push(this.log.end({ name: SUMMARY_METADATA_NAME, metadata }));
    await this.queue.drained();
    if (this.failure === undefined) return this.file.close();
    await this.file.dropPartialBlock();
    await this.file.close();
    throw this.failure;
  }

  private canWrite(): boolean {
    if (this.closing !== undefined || this.failure !== undefined || !this.queue.hasSpace()) {
      this.droppedInARow++;
      return false;
    }
    if (this.droppedInARow > 0) this.addDropEvent();
    return true;
  }

  private addDropEvent(): void {
    const recordCount = this.droppedInARow;
    this.droppedInARow = 0;
    this.addEvent({ timeNs: this.timeNs, kind: 'recordsDropped', detail: { recordCount } });
  }

  private addEvent(event: EventRecord): void {
    const { timeNs, kind, binIndex, detail = {} } = event;
    // Bins of an unpaced session have no real time: its events stand where the last bin does.
    this.beginRecord(this.info.isPaced ? timeNs : this.timeNs);
    this.add('events', { timeNs, kind, binIndex, detail });
  }

  /** Ends the open chunk if it is due: never inside a record, whose messages stay together. */
  private beginRecord(timeNs: number): void {
    this.timeNs = timeNs;
    this.logTime = this.wallTime(timeNs);
    const isOld = this.logTime - this.chunkStartTime >= BigInt(CHUNK_MS_MAX * NS_PER_MS);
    if (isOld || this.log.openBytes() >= CHUNK_BYTES_MAX) this.closeChunk();
    if (this.log.openBytes() > 0) return;
    this.chunkStartTime = this.logTime;
    // A source that falls silent must not keep its last bins off the disk.
    this.chunkTimer = setTimeout(() => {
      this.closeChunk();
    }, CHUNK_MS_MAX).unref();
  }

  private add(topic: SessionTopic, message: object): void {
    const data = Buffer.from(JSON.stringify(message));
    this.log.addMessage(SESSION_TOPICS.indexOf(topic), this.logTime, data);
  }

  private closeChunk(): void {
    clearTimeout(this.chunkTimer);
    const block = this.log.closeChunk();
    if (block === undefined) return;
    const { chunkBins, chunkEvents, counts } = this;
    this.chunkBins = 0;
    this.chunkEvents = 0;
    this.queue.push(block, (isWritten) => {
      counts.pendingBins -= chunkBins;
      counts.pendingEvents -= chunkEvents;
      counts[isWritten ? 'writtenBins' : 'droppedBins'] += chunkBins;
      counts[isWritten ? 'writtenEvents' : 'droppedEvents'] += chunkEvents;
    });
  }

  /** Nanoseconds since 1970. */
  private wallTime(monotonicNs: number): bigint {
    const { anchor } = this.info;
    const time = BigInt(Math.round(anchor.wallClockMs)) * BigInt(NS_PER_MS);
    const sinceAnchorNs = BigInt(Math.round(monotonicNs - anchor.monotonicNs));
    return time + sinceAnchorNs > 0n ? time + sinceAnchorNs : 0n;
  }
}

/** Left out of the message where it is not known. */
function known(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function topicMetadata(topic: SessionTopic, info: SessionInfo): Map<string, string> {
  switch (topic) {
    case 'bins':
      return encodeMetadata({ labels: info.channelLabels, unit: info.featureUnit, binMs: info.binMs });
    case 'outputs':
      return encodeMetadata(info.output);
    case 'latency':
      return encodeMetadata({ unit: 'us' });
    case 'events':
      return new Map();
  }
}
