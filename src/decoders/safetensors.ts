/**
 * The safetensors container: named tensors behind a JSON header, nothing executable.
 *
 *   u64 little-endian N | N bytes of JSON, may be padded with spaces | data
 *   header: { name: { dtype, shape, data_offsets: [begin, end) relative to the data }, "__metadata__": { text: text } }
 *
 * Reading checks everything before any value is looked at: the header fits and is JSON without duplicate keys, every
 * tensor's size follows from dtype and shape, and the tensors cover the data without hole or overlap. Whether values
 * are finite is the model file's business. Rank 0 (one element) and empty tensors are legal.
 * Format: https://huggingface.co/docs/safetensors ("Format").
 */
import { BetzError } from '../core/errors.ts';
import { fileKind } from '../core/file-kind.ts';
import type { FileKind } from '../core/file-kind.ts';
import type { TensorData } from './decoder.ts';
import { duplicateKey } from './json-duplicates.ts';

const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;
type Dtype = keyof typeof DTYPE_BYTES;

export interface StoredTensor {
  dtype: Dtype;
  shape: readonly number[];
  /** Little-endian, row-major; a view of the file's bytes, at any alignment. */
  bytes: Uint8Array;
}

export interface Safetensors {
  metadata: ReadonlyMap<string, string>;
  tensors: ReadonlyMap<string, StoredTensor>;
}

const LENGTH_BYTES = 8;
const HEADER_BYTES_MAX = 100_000_000; // the reference implementation's cap
const METADATA_KEY = '__metadata__';
const ALIGNMENT_BYTES = 8;

/** @throws BetzError DEC_MODEL_FORMAT_UNKNOWN, DEC_MODEL_TRUNCATED, DEC_MODEL_HEADER_INVALID, DEC_MODEL_DTYPE_UNKNOWN, DEC_MODEL_LAYOUT_INVALID */
export function readSafetensors(file: Uint8Array): Safetensors {
  const header = readHeader(file);
  const data = file.subarray(LENGTH_BYTES + header.byteLength);
  const metadata = new Map<string, string>();
  const tensors = new Map<string, StoredTensor>();
  const extents: { name: string; begin: number; end: number }[] = [];
  for (const [name, entry] of Object.entries(header.entries)) {
    if (name === METADATA_KEY) {
      readMetadata(entry, metadata);
      continue;
    }
    const { dtype, shape, begin, end } = readEntry(name, entry);
    if (end > data.byteLength) {
      throw new BetzError('DEC_MODEL_TRUNCATED', `tensor '${name}' ends beyond the file`, {
        value: `${end} of ${data.byteLength} data bytes`,
        tip: 'The file is cut short: copy it again from where it was made.',
      });
    }
    extents.push({ name, begin, end });
    tensors.set(name, { dtype, shape, bytes: data.subarray(begin, end) });
  }
  checkCover(extents, data.byteLength);
  return { metadata, tensors };
}

/** Data of the shape; F32 or I8 by its type. */
export interface WritableTensor {
  shape: readonly number[];
  data: Float32Array | Int8Array;
}

/** The same tensors and metadata always give the same bytes: keys in the order given, data in the order of the keys. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: ReadonlyMap<string, string>,
): Uint8Array {
  const entries: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    entries.push(`"${METADATA_KEY}":{${pairs.join(',')}}`);
  }
  let dataBytes = 0;
  for (const [name, { shape, data }] of tensors) {
    const dtype = data instanceof Int8Array ? 'I8' : 'F32';
    const end = dataBytes + data.length * DTYPE_BYTES[dtype];
    entries.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":${JSON.stringify(shape)},"data_offsets":[${dataBytes},${end}]}`,
    );
    dataBytes = end;
  }
  const json = new TextEncoder().encode(`{${entries.join(',')}}`);
  const headerBytes = Math.ceil(json.length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  const file = new Uint8Array(LENGTH_BYTES + headerBytes + dataBytes);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  file.set(json, LENGTH_BYTES);
  let offset = LENGTH_BYTES + headerBytes;
  for (const { data } of tensors.values()) {
    if (data instanceof Int8Array) {
      file.set(new Uint8Array(data.buffer, data.byteOffset, data.length), offset);
      offset += data.length;
      continue;
    }
    for (const value of data) {
      view.setFloat32(offset, value, true);
      offset += DTYPE_BYTES.F32;
    }
  }
  return file;
}

/** Float32 values of a stored tensor, copied. @throws BetzError DEC_MODEL_DTYPE_UNKNOWN unless dtype is F32 */
export function toFloat32(name: string, tensor: StoredTensor): TensorData {
  if (tensor.dtype !== 'F32') {
    throw new BetzError('DEC_MODEL_DTYPE_UNKNOWN', `tensor '${name}' is ${tensor.dtype}, not F32`, {
      value: tensor.dtype,
      tip: 'Betz stores float32: convert the tensor before you save it.',
    });
  }
  const view = new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength);
  const data = new Float32Array(tensor.bytes.byteLength / DTYPE_BYTES.F32);
  for (let i = 0; i < data.length; i++) data[i] = view.getFloat32(i * DTYPE_BYTES.F32, true);
  return { shape: tensor.shape, data };
}

/** Int8 values of a stored tensor, copied. @throws BetzError DEC_MODEL_DTYPE_UNKNOWN unless dtype is I8 */
export function toInt8(name: string, tensor: StoredTensor): Int8Array {
  if (tensor.dtype !== 'I8') {
    throw new BetzError('DEC_MODEL_DTYPE_UNKNOWN', `tensor '${name}' is ${tensor.dtype}, not I8`, {
      value: tensor.dtype,
      tip: 'The file is damaged or made by another program: make it again from the float32 model.',
    });
  }
  return Int8Array.from(tensor.bytes, (byte) => (byte << 24) >> 24);
}

function readHeader(file: Uint8Array): { entries: Record<string, unknown>; byteLength: number } {
  if (file.byteLength < LENGTH_BYTES) {
    throw new BetzError('DEC_MODEL_TRUNCATED', `${file.byteLength} bytes are no model file`, {
      value: file.byteLength,
      tip: 'The file is empty or cut short: copy it again from where it was made.',
    });
  }
  const length = new DataView(file.buffer, file.byteOffset, file.byteLength).getBigUint64(0, true);
  if (length > BigInt(HEADER_BYTES_MAX)) {
    const kind = length > 0xffff_ffffn ? fileKind(file) : undefined; // else it may be a header that is damaged
    if (kind !== undefined) throw notModel(kind);
    throw headerInvalid(`a header of ${length.toString()} bytes is beyond the limit`, length.toString());
  }
  const byteLength = Number(length);
  if (byteLength > file.byteLength - LENGTH_BYTES) {
    throw new BetzError(
      'DEC_MODEL_TRUNCATED',
      `the header of ${byteLength} bytes does not fit the file of ${file.byteLength}`,
      { value: byteLength, tip: 'The file is cut short, or is no safetensors file: copy it again.' },
    );
  }
  const bytes = file.subarray(LENGTH_BYTES, LENGTH_BYTES + byteLength);
  if (bytes[0] !== 0x7b) throw headerInvalid("the header does not start with '{'", bytes[0]);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw headerInvalid('the header is not UTF-8', undefined, cause);
  }
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch (cause) {
    throw headerInvalid('the header is not JSON', text.slice(0, 60), cause);
  }
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) throw headerInvalid(`the header names '${duplicate}' twice`, duplicate);
  return { entries: entries as Record<string, unknown>, byteLength }; // '{' first, so it parsed to an object
}

function readMetadata(entry: unknown, into: Map<string, string>): void {
  if (!isObject(entry)) throw headerInvalid(`'${METADATA_KEY}' is not an object`, entry);
  for (const [key, value] of Object.entries(entry)) {
    if (typeof value !== 'string') throw headerInvalid(`metadata '${key}' is not text`, value);
    into.set(key, value);
  }
}

function readEntry(
  name: string,
  entry: unknown,
): { dtype: Dtype; shape: number[]; begin: number; end: number } {
  if (!isObject(entry)) throw headerInvalid(`tensor '${name}' is not described by an object`, entry);
  const { dtype, shape, data_offsets: offsets, ...rest } = entry;
  const unknownKey = Object.keys(rest)[0] as string | undefined;
  if (unknownKey !== undefined) {
    throw headerInvalid(`tensor '${name}' has the unknown field '${unknownKey}'`, unknownKey);
  }
  if (!isDtype(dtype)) {
    throw new BetzError('DEC_MODEL_DTYPE_UNKNOWN', `tensor '${name}' has an unknown number type`, {
      value: dtype,
      tip: `Betz reads ${Object.keys(DTYPE_BYTES).join(', ')}: convert the tensor before you save it.`,
    });
  }
  if (!isSizes(shape)) throw headerInvalid(`the shape of tensor '${name}' is not a list of sizes`, shape);
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw headerInvalid(`the offsets of tensor '${name}' are not two positions`, offsets);
  }
  const [begin, end] = offsets;
  const bytes = shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
  if (begin > end || bytes !== end - begin) {
    throw new BetzError('DEC_MODEL_LAYOUT_INVALID', `tensor '${name}' does not fit its place in the file`, {
      value: `${dtype} [${shape.join(', ')}] in bytes ${begin} to ${end}`,
      tip: 'The file is damaged: make it again, or copy it again from where it was made.',
    });
  }
  return { dtype, shape, begin, end };
}

/** The tensors lie one after the other from the first data byte to the last. */
function checkCover(extents: { name: string; begin: number; end: number }[], dataBytes: number): void {
  extents.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of extents) {
    if (begin !== covered) {
      const what = begin > covered ? 'leaves a hole before' : 'overlaps what lies before';
      throw layoutInvalid(`tensor '${name}' ${what} byte ${Math.max(begin, covered)}`, begin);
    }
    covered = end;
  }
  if (covered !== dataBytes)
    throw layoutInvalid('bytes after the last tensor belong to none', dataBytes - covered);
}

/** Of a file that is something else than a Betz model. */
export function notModel({ name, tip }: FileKind): BetzError {
  return new BetzError('DEC_MODEL_FORMAT_UNKNOWN', `this file is ${name}, not a model`, { value: name, tip });
}

function layoutInvalid(message: string, value: unknown): BetzError {
  return new BetzError('DEC_MODEL_LAYOUT_INVALID', message, {
    value,
    tip: 'The file is damaged: make it again, or copy it again from where it was made.',
  });
}

function headerInvalid(message: string, value: unknown, cause?: unknown): BetzError {
  return new BetzError('DEC_MODEL_HEADER_INVALID', message, {
    value,
    cause,
    tip: 'The file is damaged or no safetensors file: check the path, or make it again.',
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(DTYPE_BYTES, value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
