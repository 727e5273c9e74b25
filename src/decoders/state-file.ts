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
import type { Decoder, DecoderKind } from './decoder.ts';

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
const OTHER_MODEL_TIP =
  'A state fits only the model that it was saved from: use that one, or start from a fresh state.';

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
    throw new BetzError('DEC_STATE_MODEL_MISMATCH', 'the state belongs to another model', {
      value: hexText(sealed.subarray(AT.modelHash, AT.stateBytes)),
      tip: OTHER_MODEL_TIP,
    });
  }
  const stateBytes = view.getUint32(AT.stateBytes, true);
  if (stateBytes !== decoder.stateBytes) throw sizeMismatch(stateBytes, decoder.stateBytes);
  const state = sealed.subarray(AT.state, AT.state + stateBytes);
  checkFinite(state, owner.kind.stateNumbers);
  decoder.loadState(state);
}

/** That these bytes are a sealed state of this version, and undamaged. */
function checkWhole(sealed: Uint8Array): void {
  if (sealed.byteLength < AT.state + CHECKSUM_BYTES) {
    throw new BetzError('DEC_STATE_TRUNCATED', `${sealed.byteLength} bytes are too few for a sealed state`, {
      value: sealed.byteLength,
      tip: 'The state was cut short: copy it again, or start from a fresh state.',
    });
  }
  if (readAscii(sealed, AT.magic, MAGIC.length) !== MAGIC) {
    throw new BetzError('DEC_STATE_FORMAT_UNKNOWN', 'this is no sealed state', {
      value: hexText(sealed.subarray(0, MAGIC.length)),
      tip: 'Give what Betz sealed, or start from a fresh state.',
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
  if (stateBytes !== checksumAt - AT.state) throw sizeMismatch(stateBytes, checksumAt - AT.state);
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

function sizeMismatch(found: number, expected: number): BetzError {
  return new BetzError('DEC_STATE_SIZE_MISMATCH', `the state has ${found} bytes instead of ${expected}`, {
    value: found,
    tip: 'A state fits only the model that it was saved from, adapting in the same ways: use both, or start from a fresh state.',
  });
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
