/** Stored tensors of other float types as float32. Conversion rounds to nearest; F16 and BF16 are exact. */
import { BetzError } from '../../core/errors.ts';
import type { TensorData } from '../decoder.ts';
import type { StoredTensor } from '../safetensors.ts';

/** Reads one number at a byte offset. */
type Read = (view: DataView, offset: number) => number;

const READERS = {
  F64: { bytes: 8, read: (view, offset) => view.getFloat64(offset, true) },
  F32: { bytes: 4, read: (view, offset) => view.getFloat32(offset, true) },
  F16: { bytes: 2, read: (view, offset) => halfToNumber(view.getUint16(offset, true)) },
  BF16: { bytes: 2, read: readBrainFloat },
} as const satisfies Record<string, { bytes: number; read: Read }>;

/** @throws BetzError DEC_IMPORT_DTYPE_UNSUPPORTED, DEC_MODEL_VALUE_NOT_FINITE */
export function convertToFloat32(name: string, tensor: StoredTensor): TensorData {
  const { dtype, shape, bytes } = tensor;
  if (!(dtype in READERS)) {
    throw new BetzError('DEC_IMPORT_DTYPE_UNSUPPORTED', `tensor '${name}' is ${dtype}, no float`, {
      value: dtype,
      tip: `Store it as one of ${Object.keys(READERS).join(', ')}, or name it in 'ignore' of the config file.`,
    });
  }
  const { bytes: size, read } = READERS[dtype as keyof typeof READERS];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = Float32Array.from({ length: bytes.byteLength / size }, (_, i) => read(view, i * size));
  const badIndex = data.findIndex((value) => !Number.isFinite(value));
  if (badIndex >= 0) {
    throw new BetzError('DEC_MODEL_VALUE_NOT_FINITE', `tensor '${name}' holds ${data[badIndex]}`, {
      value: `element ${badIndex}, ${read(view, badIndex * size)} as ${dtype}`,
      tip: 'The training went wrong, the file is damaged, or the number is beyond float32.',
    });
  }
  return { shape, data };
}

/** BF16 is the upper half of a float32. */
function readBrainFloat(view: DataView, offset: number): number {
  const bits = new DataView(new ArrayBuffer(4));
  bits.setUint32(0, view.getUint16(offset, true) * 0x10000);
  return bits.getFloat32(0);
}

/** IEEE 754 binary16: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24; // zero and subnormal
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
