/**
 * Writes Protocol Buffers messages: as much of the wire format as an ONNX file needs.
 * Source: https://protobuf.dev/programming-guides/encoding.
 */
const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/** One message. Fields stand in the order of the calls. */
export class Message {
  private readonly parts: Uint8Array[] = [];
  private length = 0;

  /** int32, int64 or enum, not negative: nothing in our files is, and a safe integer. */
  integer(field: number, value: number): this {
    return this.add(varint(tag(field, VARINT))).add(varint(value));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.add(varint(tag(field, FIXED_32))).add(bytes);
  }

  /** `repeated int64`, packed. */
  integers(field: number, values: readonly number[]): this {
    return this.bytes(field, concatenate(values.map((value) => varint(value))));
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  bytes(field: number, value: Uint8Array): this {
    return this.add(varint(tag(field, LENGTH_DELIMITED)))
      .add(varint(value.byteLength))
      .add(value);
  }

  finish(): Uint8Array {
    return concatenate(this.parts, this.length);
  }

  private add(part: Uint8Array): this {
    this.parts.push(part);
    this.length += part.byteLength;
    return this;
  }
}

function tag(field: number, wireType: number): number {
  return field * 8 + wireType;
}

/** Seven bits a byte, the lowest first, the top bit set while more follow. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function concatenate(parts: readonly Uint8Array[], length = sumOfLengths(parts)): Uint8Array {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

function sumOfLengths(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0);
}
