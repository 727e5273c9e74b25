/**
 * A step graph as the bytes of an ONNX file. Numbers of fields and types are those of onnx.proto3
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
 */
import { Message } from './protobuf.ts';
import type { Attribute, Graph, Initialiser, Node, ValueInfo } from './step-graph.ts';

/** The oldest pair with LayerNormalization: read by onnx 1.12 and ONNX Runtime 1.12 and everything newer. */
const OPSET_VERSION = 17;
const IR_VERSION = 8;

/** TensorProto.DataType */
const ELEMENT_TYPES = { float32: 1, int64: 7 } as const satisfies Record<Initialiser['type'], number>;
/** AttributeProto.AttributeType */
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

export interface OnnxProducer {
  /** Program and version. */
  name: string;
  version: string;
}

/** The same graph always gives the same bytes. @param metadata for `metadata_props` */
export function encodeGraph(
  graph: Graph,
  graphName: string,
  producer: OnnxProducer,
  metadata: ReadonlyMap<string, string>,
): Uint8Array {
  const model = new Message() // ModelProto
    .integer(1, IR_VERSION)
    .text(2, producer.name)
    .text(3, producer.version)
    .message(7, graphProto(graph, graphName))
    .message(8, new Message().text(1, '').integer(2, OPSET_VERSION)); // OperatorSetIdProto
  for (const [key, value] of metadata) {
    model.message(14, new Message().text(1, key).text(2, value)); // StringStringEntryProto
  }
  return model.finish();
}

function graphProto(graph: Graph, name: string): Message {
  const proto = new Message();
  graph.nodes.forEach((node, index) => proto.message(1, nodeProto(node, index)));
  proto.text(2, name);
  for (const initialiser of graph.initialisers) proto.message(5, tensorProto(initialiser));
  for (const input of graph.inputs) proto.message(11, valueInfoProto(input));
  for (const output of graph.outputs) proto.message(12, valueInfoProto(output));
  return proto;
}

function nodeProto(node: Node, index: number): Message {
  const proto = new Message();
  for (const input of node.inputs) proto.text(1, input);
  for (const output of node.outputs) proto.text(2, output);
  proto.text(3, `${node.op}_${index}`).text(4, node.op);
  for (const [name, value] of Object.entries(node.attributes)) {
    proto.message(5, attributeProto(name, value));
  }
  return proto;
}

function attributeProto(name: string, value: Attribute): Message {
  const proto = new Message().text(1, name);
  if (typeof value === 'number') return proto.integer(3, value).integer(20, ATTRIBUTE_INT);
  if ('float' in value) return proto.float(2, value.float).integer(20, ATTRIBUTE_FLOAT);
  for (const item of value) proto.integer(8, item);
  return proto.integer(20, ATTRIBUTE_INTS);
}

function tensorProto(initialiser: Initialiser): Message {
  const { name, type, shape } = initialiser;
  return new Message()
    .integers(1, shape)
    .integer(2, ELEMENT_TYPES[type])
    .text(8, name)
    .bytes(9, littleEndianBytes(initialiser));
}

function littleEndianBytes(initialiser: Initialiser): Uint8Array {
  const { data } = initialiser;
  const view = new DataView(new ArrayBuffer(data.byteLength));
  if (initialiser.type === 'float32') {
    initialiser.data.forEach((value, i) => {
      view.setFloat32(i * 4, value, true);
    });
  } else {
    initialiser.data.forEach((value, i) => {
      view.setBigInt64(i * 8, value, true);
    });
  }
  return new Uint8Array(view.buffer);
}

function valueInfoProto({ name, shape }: ValueInfo): Message {
  const shapeProto = new Message();
  for (const size of shape) shapeProto.message(1, new Message().integer(1, size));
  const tensorType = new Message().integer(1, ELEMENT_TYPES.float32).message(2, shapeProto);
  return new Message().text(1, name).message(2, new Message().message(1, tensorType));
}
