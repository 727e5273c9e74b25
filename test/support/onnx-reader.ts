/**
 * Reads an ONNX file into objects, by field numbers of onnx.proto3, without a line of our writer. Fields that our files do
 * not use are an error, so that nothing is written that is not looked at.
 */
interface Field {
  number: number;
  integer: number;
  bytes: Uint8Array;
}

export interface OnnxFile {
  irVersion: number;
  opset: { domain: string; version: number };
  producer: string;
  metadata: Map<string, string>;
  name: string;
  nodes: {
    name: string;
    op: string;
    inputs: string[];
    outputs: string[];
    attributes: Map<string, unknown>;
  }[];
  initialisers: Map<string, { type: number; shape: number[]; bytes: Uint8Array }>;
  inputs: Map<string, { type: number; shape: number[] }>;
  outputs: Map<string, { type: number; shape: number[] }>;
}

export function readOnnx(file: Uint8Array): OnnxFile {
  const model = new Fields(file, [1, 2, 3, 7, 8, 14]);
  const opsets = model.all(8).map(({ bytes }) => new Fields(bytes, [1, 2]));
  if (opsets.length !== 1) throw new Error(`${opsets.length} opsets`);
  const graph = new Fields(model.one(7).bytes, [1, 2, 5, 11, 12]);
  return {
    irVersion: model.one(1).integer,
    opset: { domain: opsets[0].text(1), version: opsets[0].one(2).integer },
    producer: `${model.text(2)} ${model.text(3)}`,
    metadata: new Map(
      model.all(14).map(({ bytes }) => {
        const entry = new Fields(bytes, [1, 2]);
        return [entry.text(1), entry.text(2)];
      }),
    ),
    name: graph.text(2),
    nodes: graph.all(1).map(({ bytes }) => readNode(bytes)),
    initialisers: new Map(
      graph.all(5).map(({ bytes }) => {
        const tensor = new Fields(bytes, [1, 2, 8, 9]);
        const shape = packed(tensor.one(1).bytes);
        return [tensor.text(8), { type: tensor.one(2).integer, shape, bytes: tensor.one(9).bytes }];
      }),
    ),
    inputs: new Map(graph.all(11).map(({ bytes }) => readValueInfo(bytes))),
    outputs: new Map(graph.all(12).map(({ bytes }) => readValueInfo(bytes))),
  };
}

function readNode(bytes: Uint8Array): OnnxFile['nodes'][number] {
  const node = new Fields(bytes, [1, 2, 3, 4, 5]);
  const attributes = node.all(5).map(({ bytes: attribute }) => {
    const fields = new Fields(attribute, [1, 2, 3, 8, 20]);
    const type = fields.one(20).integer;
    const values = { 1: 2, 2: 3, 7: 8 }[type];
    if (values === undefined) throw new Error(`attribute type ${type}`);
    if (type === 7) return [fields.text(1), fields.all(8).map(({ integer }) => integer)] as const;
    const { integer, bytes: float } = fields.one(values);
    return [fields.text(1), type === 2 ? integer : viewOf(float).getFloat32(0, true)] as const;
  });
  return {
    name: node.text(3),
    op: node.text(4),
    inputs: node.texts(1),
    outputs: node.texts(2),
    attributes: new Map<string, unknown>(attributes),
  };
}

function readValueInfo(bytes: Uint8Array): [string, { type: number; shape: number[] }] {
  const info = new Fields(bytes, [1, 2]);
  const tensor = new Fields(new Fields(info.one(2).bytes, [1]).one(1).bytes, [1, 2]);
  const sizes = new Fields(tensor.one(2).bytes, [1]).all(1);
  const shape = sizes.map(({ bytes: size }) => new Fields(size, [1]).one(1).integer);
  return [info.text(1), { type: tensor.one(1).integer, shape }];
}

/** One message. @throws where a field is not one of `known` */
class Fields {
  private readonly fields: Field[] = [];

  constructor(bytes: Uint8Array, known: readonly number[]) {
    const cursor = { bytes, offset: 0 };
    while (cursor.offset < bytes.length) {
      const field = readField(cursor);
      if (!known.includes(field.number)) throw new Error(`unexpected field ${field.number}`);
      this.fields.push(field);
    }
  }

  all(number: number): Field[] {
    return this.fields.filter((field) => field.number === number);
  }

  one(number: number): Field {
    const found = this.all(number);
    if (found.length !== 1) throw new Error(`field ${number} stands ${found.length} times`);
    return found[0];
  }

  texts(number: number): string[] {
    return this.all(number).map(({ bytes }) => new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  }

  text(number: number): string {
    const texts = this.texts(number);
    if (texts.length !== 1) throw new Error(`field ${number} stands ${texts.length} times`);
    return texts[0];
  }
}

interface Cursor {
  bytes: Uint8Array;
  offset: number;
}

function readField(cursor: Cursor): Field {
  const key = readVarint(cursor);
  const number = Math.floor(key / 8);
  const wireType = key % 8;
  if (wireType === 0) return { number, integer: readVarint(cursor), bytes: new Uint8Array() };
  if (wireType !== 2 && wireType !== 5) throw new Error(`wire type ${wireType}`);
  const length = wireType === 5 ? 4 : readVarint(cursor);
  const end = cursor.offset + length;
  if (end > cursor.bytes.length) throw new Error(`field ${number} ends beyond its message`);
  const bytes = cursor.bytes.subarray(cursor.offset, end);
  cursor.offset = end;
  return { number, integer: Number.NaN, bytes };
}

function readVarint(cursor: Cursor): number {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = cursor.bytes[cursor.offset++] as number | undefined;
    if (byte === undefined) throw new Error('a number ends beyond its message');
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return Number(value);
  }
}

function packed(bytes: Uint8Array): number[] {
  const cursor = { bytes, offset: 0 };
  const values: number[] = [];
  while (cursor.offset < bytes.length) values.push(readVarint(cursor));
  return values;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
