/**
 * Reads session recordings, whole or cut off anywhere: what was in whole chunks comes back. A damaged chunk ends
 * the reading, and the result says so.
 */
import { closeSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { McapStreamReader } from '@mcap/core';
import type { McapTypes } from '@mcap/core';
import type { z } from 'zod';
import { BetzError } from '../core/errors.ts';
import { openRegularFile, readError } from './file-bytes.ts';
import {
  decodeInfo,
  INFO_METADATA_NAME,
  MESSAGE_SCHEMAS,
  parseJson,
  SESSION_FORMAT_VERSION,
  SESSION_PROFILE,
  SESSION_TOPICS,
  SUMMARY_METADATA_NAME,
} from './session-messages.ts';
import type { SessionInfo, SessionTopic } from './session-messages.ts';

const PIECE_BYTES = 2 ** 16;
/** A data end record: opcode, length, CRC. */
const DATA_END_BYTES = 1 + 8 + 4;

export type SessionMessage = {
  [Topic in SessionTopic]: { topic: Topic; message: z.infer<(typeof MESSAGE_SCHEMAS)[Topic]> };
}[SessionTopic];

export interface SessionEnd {
  info: SessionInfo;
  /** What the writer stored when it closed the file; undefined where it did not. */
  summary: ReadonlyMap<string, string> | undefined;
  /** True when the file was closed properly and every byte of its data is as it was written. */
  isComplete: boolean;
  /** What is wrong with the file, where something is damaged and not just missing. */
  damage: string | undefined;
}

/**
 * Calls `visit` for every message in the file's order, holding no more than a chunk in memory. `info` is there
 * before the first message.
 *
 * Throws what opening a file throws, LOG_FORMAT_UNKNOWN, LOG_SESSION_VERSION, LOG_SESSION_TRUNCATED (cut off before
 * its head was whole), LOG_SESSION_CORRUPT (a message is not what the format says).
 */
export function visitSession(
  path: string,
  visit: (message: SessionMessage, info: SessionInfo) => void,
): SessionEnd {
  const descriptor = openRegularFile(path);
  try {
    return new SessionScan(path, descriptor, visit).run();
  } catch (cause) {
    throw cause instanceof BetzError ? cause : readError(path, cause);
  } finally {
    closeSync(descriptor);
  }
}

class SessionScan {
  private readonly path: string;
  private readonly descriptor: number;
  private readonly visit: (message: SessionMessage, info: SessionInfo) => void;
  private readonly reader = new McapStreamReader({ validateCrcs: true });
  private readonly topics = new Map<number, SessionTopic>();
  private library = 'unknown';
  private info: SessionInfo | undefined;
  private summary: ReadonlyMap<string, string> | undefined;
  private appendedBytes = 0;
  private dataEnd: { offset: number; crc: number } | undefined;

  constructor(path: string, descriptor: number, visit: (message: SessionMessage, info: SessionInfo) => void) {
    this.path = path;
    this.descriptor = descriptor;
    this.visit = visit;
  }

  run(): SessionEnd {
    const damage = this.scan() ?? this.checkDataCrc();
    if (this.info === undefined) {
      if (damage !== undefined) throw this.corrupt(damage);
      throw new BetzError(
        'LOG_SESSION_TRUNCATED',
        `'${this.path}' was cut off before the head of the session`,
        {
          value: this.appendedBytes,
          tip: 'Copy the file again; if this is all there is, it holds no bins.',
        },
      );
    }
    const isComplete = this.reader.done() && damage === undefined;
    return { info: this.info, summary: this.summary, isComplete, damage };
  }

  /** Returns what stopped it before the end of the file. */
  private scan(): string | undefined {
    const piece = new Uint8Array(PIECE_BYTES);
    for (;;) {
      const count = readSync(this.descriptor, piece, 0, PIECE_BYTES, this.appendedBytes);
      if (count === 0) return undefined;
      this.checkMagic(piece.subarray(0, count));
      this.appendedBytes += count;
      for (let isFirst = true; ; isFirst = false) {
        let record: McapTypes.TypedMcapRecord | undefined;
        try {
          if (isFirst) this.reader.append(piece.subarray(0, count));
          record = this.reader.nextRecord();
        } catch (cause) {
          return cause instanceof Error ? cause.message : String(cause);
        }
        if (record === undefined) break;
        this.take(record);
      }
    }
  }

  private checkMagic(firstBytes: Uint8Array): void {
    if (this.appendedBytes > 0) return;
    const found = String.fromCharCode(...firstBytes.subarray(0, 8));
    if ('\x89MCAP0\r\n'.startsWith(found)) return;
    throw new BetzError('LOG_FORMAT_UNKNOWN', `'${this.path}' is not a session recording (an MCAP file)`, {
      value: this.path,
      tip: 'Name a file that `betz run --record` wrote.',
    });
  }

  private take(record: McapTypes.TypedMcapRecord): void {
    switch (record.type) {
      case 'Header':
        this.library = record.library;
        if (record.profile !== SESSION_PROFILE) throw this.notASession(`profile '${record.profile}'`);
        break;
      case 'Metadata':
        if (record.name === INFO_METADATA_NAME) this.info ??= this.readInfo(record.metadata);
        if (record.name === SUMMARY_METADATA_NAME) this.summary = record.metadata;
        break;
      case 'Channel': {
        const topic = SESSION_TOPICS.find((each) => record.topic === `/${each}`);
        if (topic !== undefined) this.topics.set(record.id, topic);
        break;
      }
      case 'Message':
        this.takeMessage(record);
        break;
      case 'DataEnd': {
        const end = this.appendedBytes - this.reader.bytesRemaining();
        this.dataEnd ??= { offset: end - DATA_END_BYTES, crc: record.dataSectionCrc };
        break;
      }
      default: // The index repeats what was read; unknown records are skipped, as the format asks.
    }
  }

  private readInfo(metadata: ReadonlyMap<string, string>): SessionInfo {
    const version = metadata.get('formatVersion');
    if (version !== String(SESSION_FORMAT_VERSION)) {
      throw new BetzError(
        'LOG_SESSION_VERSION',
        `'${this.path}' has session format ${version ?? 'unknown'}; expected ${SESSION_FORMAT_VERSION} (written by ${this.library})`,
        { value: version, tip: 'Read it with the version of Betz that wrote it, or a later one.' },
      );
    }
    const info = decodeInfo(metadata);
    if (info === undefined) throw this.corrupt('its session metadata are incomplete');
    return info;
  }

  private takeMessage(record: McapTypes.Message): void {
    if (this.info === undefined) throw this.notASession('no session metadata before the first message');
    const topic = this.topics.get(record.channelId);
    if (topic === undefined) return; // a topic of a later version
    const found = MESSAGE_SCHEMAS[topic].safeParse(parseJson(new TextDecoder().decode(record.data)));
    const message = found.data === undefined ? undefined : ({ topic, message: found.data } as SessionMessage);
    if (message === undefined || !hasExpectedLengths(message, this.info)) {
      throw this.corrupt(`message ${record.sequence} of /${topic} is not what the format says`);
    }
    this.visit(message, this.info);
  }

  /** Reads the data a second time: only this shows damage outside of the chunks, which have their own CRCs. */
  private checkDataCrc(): string | undefined {
    if (this.dataEnd === undefined || this.dataEnd.crc === 0) return undefined;
    const piece = new Uint8Array(PIECE_BYTES);
    let crc = 0;
    for (let offset = 0; offset < this.dataEnd.offset;) {
      const length = Math.min(PIECE_BYTES, this.dataEnd.offset - offset);
      const count = readSync(this.descriptor, piece, 0, length, offset);
      if (count === 0) return 'it became shorter while it was read';
      crc = crc32(piece.subarray(0, count), crc);
      offset += count;
    }
    return crc === this.dataEnd.crc ? undefined : 'the CRC of its data section does not fit';
  }

  private notASession(found: string): BetzError {
    return new BetzError(
      'LOG_FORMAT_UNKNOWN',
      `'${this.path}' is an MCAP file but not a session recording: ${found} (written by ${this.library})`,
      { value: found, tip: 'Name a file that `betz run --record` wrote.' },
    );
  }

  private corrupt(reason: string): BetzError {
    return new BetzError(
      'LOG_SESSION_CORRUPT',
      `'${this.path}' is damaged: ${reason} (written by ${this.library})`,
      { value: this.path, tip: 'Copy the file again from where it was recorded.' },
    );
  }
}

function hasExpectedLengths({ topic, message }: SessionMessage, info: SessionInfo): boolean {
  const outputCount = info.output.labels.length;
  if (topic === 'bins') return message.features.length === info.channelLabels.length;
  if (topic !== 'outputs') return true;
  return message.output.length === outputCount && (message.truth?.length ?? outputCount) === outputCount;
}
