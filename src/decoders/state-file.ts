/**
 * The sealed state: what `saveState` gives, bound to the kind and the model that it belongs to, with a version and a
 * checksum (docs/formats.md, "Sealed state"). A decoder takes one in only after everything has been checked, and a state
 * with NaN or infinity is neither sealed nor taken in: a decoder that goes on from a sealed state goes on from a sound one.
 *
 *   bytes    0 to 3    magic 'BTZS'
 *            4 to 7    version, u32
 *            8 to 31   kind, ASCII, filled up with zeros
 *            32 to 63  SHA-256 of the model file
 *            64 to 67  n = stateBytes, u32
 *            68 ...    state, n bytes, as the kind's decoder saves it
 *            last 4    CRC-32 of everything before, u32
 * All numbers little-endian. The size is 72 + n: the same for every state of a model.
 */
import { crc32 } from '../core/crc32.ts';
import { BetzError } from '../core/errors.ts';
import { fileKind } from '../core/file-kind.ts';
import type { Decoder, DecoderKind, LearningDecoder } from './decoder.ts';

/** The model that a state belongs to. */
export interface StateOwner {
  kind: Pick<DecoderKind, 'name' | 'stateNumbers'>;
  /** SHA-256 of the model file, 64 hexadecimal digits (host/model-store.ts, `modelHash`). */
  modelHash: string;
}

const MAGIC = 'BTZS';
const STATE_FORMAT_VERSION = 1;
const AT = { magic: 0, version: 4, kind: 8, modelHash: 32, stateBytes: 64, state: 68 } as const;
const KIND_BYTES = AT.modelHash - AT.kind;
const HASH_BYTES = AT.stateBytes - AT.modelHash;
const CHECKSUM_BYTES = 4;
/** Digits of a hash that tell two files apart. */
const HASH_SHOWN = 12;
const OTHER_MODEL_TIP =
  'A state fits only the model file that it was saved from: use that one (`sha256sum` tells files apart), or start from a fresh state.';

/** Size of a sealed state of this decoder. */
export function sealedStateBytes(decoder: Pick<Decoder, 'stateBytes'>): number {
  return AT.state + decoder.stateBytes + CHECKSUM_BYTES;
}

/** @throws BetzError DEC_STATE_NOT_FINITE */
export function sealState(decoder: Decoder, owner: StateOwner): Uint8Array {
  const { stateBytes } = decoder;
  const sealed = new Uint8Array(sealedStateBytes(decoder));
  const view = new DataView(sealed.buffer);
  const state = sealed.subarray(AT.state, AT.state + stateBytes);
  writeAscii(sealed, AT.magic, MAGIC);
  view.setUint32(AT.version, STATE_FORMAT_VERSION, true);
  writeAscii(sealed, AT.kind, owner.kind.name);
  sealed.set(hashBytes(owner.modelHash), AT.modelHash);
  view.setUint32(AT.stateBytes, stateBytes, true);
  decoder.saveState(state);
  checkFinite(state, owner.kind.stateNumbers);
  view.setUint32(AT.state + stateBytes, crc32(sealed.subarray(0, AT.state + stateBytes)), true);
  return sealed;
}

/**
 * Puts a sealed state into a decoder of the same model. A state that is refused leaves the decoder as it was.
 * @throws BetzError DEC_STATE_*
 */
export function openState(sealed: Uint8Array, decoder: Decoder, owner: StateOwner): void {
  checkWhole(sealed);
  const view = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const kind = readAscii(sealed, AT.kind, KIND_BYTES);
  if (kind !== owner.kind.name) {
    throw new BetzError(
      'DEC_STATE_KIND_MISMATCH',
      `the state is of a '${kind}' decoder, not of a '${owner.kind.name}'`,
      { value: kind, tip: OTHER_MODEL_TIP },
    );
  }
  const expectedHash = hashBytes(owner.modelHash);
  if (sealed.subarray(AT.modelHash, AT.stateBytes).some((byte, i) => byte !== expectedHash[i])) {
    const hash = hexText(sealed.subarray(AT.modelHash, AT.stateBytes));
    throw new BetzError(
      'DEC_STATE_MODEL_MISMATCH',
      `the state was saved from another '${kind}' model (SHA-256 ${hash.slice(0, HASH_SHOWN)}...) than the one that is to go on ` +
        `from it (${owner.modelHash.slice(0, HASH_SHOWN)}...)`,
      { value: hash, tip: OTHER_MODEL_TIP },
    );
  }
  const stateBytes = view.getUint32(AT.stateBytes, true);
  if (stateBytes !== decoder.stateBytes) throw otherAdaptation(stateBytes, decoder);
  const state = sealed.subarray(AT.state, AT.state + stateBytes);
  checkFinite(state, owner.kind.stateNumbers);
  decoder.loadState(state);
}

/** Of the model that a sealed state belongs to. @throws BetzError DEC_STATE_* */
export function sealedModelHash(sealed: Uint8Array): string {
  checkWhole(sealed);
  return hexText(sealed.subarray(AT.modelHash, AT.stateBytes));
}

/** That these bytes are a sealed state of this version, and undamaged. */
function checkWhole(sealed: Uint8Array): void {
  const magic = readAscii(sealed, AT.magic, MAGIC.length);
  if (sealed.byteLength >= MAGIC.length && magic !== MAGIC) {
    const kind = fileKind(sealed);
    throw new BetzError(
      'DEC_STATE_FORMAT_UNKNOWN',
      kind === undefined ? 'this is no sealed state' : `this file is ${kind.name}, not a state of a decoder`,
      {
        value: kind?.name ?? hexText(sealed.subarray(0, MAGIC.length)),
        tip: kind?.tip ?? 'Give what Betz sealed, or start from a fresh state.',
      },
    );
  }
  if (sealed.byteLength < AT.state + CHECKSUM_BYTES) {
    throw new BetzError('DEC_STATE_TRUNCATED', `${sealed.byteLength} bytes are too few for a sealed state`, {
      value: sealed.byteLength,
      tip: 'The state was cut short: copy it again, or start from a fresh state.',
    });
  }
  const view = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const version = view.getUint32(AT.version, true);
  if (version !== STATE_FORMAT_VERSION) {
    throw new BetzError(
      'DEC_STATE_VERSION_UNSUPPORTED',
      `the state has version ${version}; this Betz reads version ${STATE_FORMAT_VERSION}`,
      { value: version, tip: 'Use the Betz version that sealed it, or start from a fresh state.' },
    );
  }
  const checksumAt = sealed.byteLength - CHECKSUM_BYTES;
  if (view.getUint32(checksumAt, true) !== crc32(sealed.subarray(0, checksumAt))) {
    throw new BetzError('DEC_STATE_DAMAGED', 'the state does not agree with its checksum', {
      value: `${sealed.byteLength} bytes`,
      tip: 'The state was damaged or cut: copy it again, or start from a fresh state.',
    });
  }
  const stateBytes = view.getUint32(AT.stateBytes, true);
  if (stateBytes !== checksumAt - AT.state) {
    throw new BetzError('DEC_STATE_SIZE_MISMATCH', 'the state has another size than it says', {
      value: `${checksumAt - AT.state} bytes instead of ${stateBytes}`,
      tip: 'The state was damaged: copy it again, or start from a fresh state.',
    });
  }
}

/** @throws BetzError DEC_STATE_NOT_FINITE */
function checkFinite(state: Uint8Array, numbers: DecoderKind['stateNumbers']): void {
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  const size = numbers === 'float32' ? 4 : 8;
  for (let at = 0; at < state.byteLength; at += size) {
    const value = numbers === 'float32' ? view.getFloat32(at, true) : view.getFloat64(at, true);
    if (Number.isFinite(value)) continue;
    throw new BetzError('DEC_STATE_NOT_FINITE', `the state holds ${value}`, {
      value: `number ${at / size} of ${state.byteLength / size}`,
      tip: 'The decoder went wrong before: start from a fresh state.',
    });
  }
}

/** The model is the same, so the decoder adapted in other ways; the sizes tell some of them apart. */
function otherAdaptation(found: number, decoder: Decoder | LearningDecoder): BetzError {
  const core = 'core' in decoder ? decoder.core : undefined;
  const saved =
    core === undefined ? 'adapted' : found === core.stateBytes ? 'did not adapt' : 'adapted in other ways';
  return new BetzError(
    'DEC_STATE_SIZE_MISMATCH',
    `the state was saved while its model ${saved}; the decoder that is to go on from it ${core === undefined ? 'does not adapt' : 'adapts'}`,
    {
      value: `${found} bytes, where ${decoder.stateBytes} are needed`,
      tip: 'Adapt as when it was saved (`betz run --adapt`), or start from a fresh state.',
    },
  );
}

/** A model hash as bytes. A hash or a kind that does not fit the format is a fault of the caller. */
function hashBytes(hex: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new RangeError(`not a SHA-256: '${hex}'`);
  return Uint8Array.from({ length: HASH_BYTES }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

function hexText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function writeAscii(into: Uint8Array, at: number, text: string): void {
  if (!/^[\x21-\x7e]+$/.test(text) || text.length > KIND_BYTES) throw new RangeError(`not a name: '${text}'`);
  for (let i = 0; i < text.length; i++) into[at + i] = text.charCodeAt(i);
}

/** Text up to the first zero. */
function readAscii(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return String.fromCharCode(...(end < 0 ? field : field.subarray(0, end)));
}
