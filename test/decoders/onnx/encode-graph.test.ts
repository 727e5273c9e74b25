import { describe, expect, it } from 'vitest';
import { encodeGraph } from '../../../src/decoders/onnx/encode-graph.ts';
import { StepGraph } from '../../../src/decoders/onnx/step-graph.ts';
import type { Graph } from '../../../src/decoders/onnx/step-graph.ts';
import { readOnnx } from '../../support/onnx-reader.ts';
import type { OnnxFile } from '../../support/onnx-reader.ts';

const PRODUCER = { name: 'betz', version: '1' };

function written(graph: Graph): OnnxFile {
  return readOnnx(encodeGraph(graph, 'test', PRODUCER, new Map([['clé', 'é\n"']])));
}

/** y = s + 1, and s becomes y. */
function counter(): StepGraph {
  const graph = new StepGraph();
  const state = graph.state('sum', [1, 2], -1e30);
  const sum = graph.op('Add', [state, graph.scalar(1)]);
  graph.next('sum', sum);
  graph.output('output', sum, [1, 2]);
  return graph;
}

describe('a step graph', () => {
  it('names results after what they become, and copies one that becomes two', () => {
    const { nodes, states } = counter().finish();
    expect(nodes).toEqual([
      { op: 'Add', inputs: ['state.sum', 'scalar.1'], outputs: ['next.sum'], attributes: {} },
      { op: 'Identity', inputs: ['next.sum'], outputs: ['output'], attributes: {} },
    ]);
    expect(states).toEqual([{ input: 'state.sum', output: 'next.sum', shape: [1, 2], initial: -1e30 }]);
  });

  it('copies an input that is an output', () => {
    const graph = new StepGraph();
    graph.output('output', graph.input('features', [1, 3]), [1, 3]);
    expect(graph.finish().nodes).toEqual([
      { op: 'Identity', inputs: ['features'], outputs: ['output'], attributes: {} },
    ]);
  });

  it('keeps equal constants once', () => {
    const graph = new StepGraph();
    expect(graph.scalar(0.5)).toBe(graph.scalar(0.5));
    expect(graph.integers(1, 2)).toBe(graph.integers(1, 2));
    expect(graph.integers(12)).not.toBe(graph.integers(1, 2));
    expect(graph.finish().initialisers).toHaveLength(3);
  });

  it('refuses two tensors of one name, an unknown state, and a state that nothing becomes', () => {
    const graph = new StepGraph();
    graph.tensor('w', { shape: [1], data: Float32Array.of(1) });
    expect(() => graph.tensor('w', { shape: [1], data: Float32Array.of(1) })).toThrow("two tensors 'w'");
    expect(() => {
      graph.next('h', 'w');
    }).toThrow("no state 'h'");
    graph.state('h', [1]);
    expect(() => graph.finish()).toThrow("'next.h'");
  });
});

describe('an encoded graph', () => {
  it('has these bytes', () => {
    const graph = new StepGraph();
    graph.output('y', graph.op('Relu', [graph.input('x', [1, 300])]), [1, 300]);
    const bytes = encodeGraph(graph.finish(), 'g', { name: 'b', version: '2' }, new Map([['k', 'v']]));
    const info = (field: number, name: string): number[] => [
      ...[field * 8 + 2, 20, 10, 1, name.charCodeAt(0)], // name
      ...[18, 15, 10, 13, 8, 1, 18, 9], // type: tensor of float32, shape
      ...[10, 2, 8, 1, 10, 3, 8, 172, 2], // 1, 300
    ];
    const node = [...[10, 1, 120, 18, 1, 121], ...[26, 6, ...text('Relu_0')], ...[34, 4, ...text('Relu')]];
    const body = [10, node.length, ...node, 18, 1, 103, ...info(11, 'x'), ...info(12, 'y')];
    expect(Array.from(bytes)).toEqual([
      ...[8, 8, 18, 1, 98, 26, 1, 50], // ir_version, producer
      ...[58, body.length, ...body],
      ...[66, 4, 10, 0, 16, 17], // opset
      ...[114, 6, 10, 1, 107, 18, 1, 118], // metadata
    ]);
  });

  it('keeps shapes, numbers, attributes and text', () => {
    const graph = new StepGraph();
    const x = graph.input('x', [1, 70_000]);
    const weight = graph.tensor('wéight', { shape: [2, 1], data: Float32Array.of(-0.1, Number.MAX_VALUE) });
    const position = graph.state('position', []);
    const [a, b] = graph.ops('Any', [x, '', weight, position], 2, {
      axis: 0,
      far: 2 ** 40,
      axes: [1, 300],
      epsilon: { float: 1e-5 },
    });
    graph.next('position', a);
    graph.output('output', b, [1]);
    graph.integers(-1, 2 ** 40);
    const file = written(graph.finish());
    expect(file.metadata).toEqual(new Map([['clé', 'é\n"']]));
    expect(file.inputs).toEqual(
      new Map([
        ['x', { type: 1, shape: [1, 70_000] }],
        ['state.position', { type: 1, shape: [] }],
      ]),
    );
    const [node] = file.nodes;
    expect(node.inputs).toEqual(['x', '', 'wéight', 'state.position']);
    expect(Object.fromEntries(node.attributes)).toEqual({
      axis: 0,
      far: 2 ** 40,
      axes: [1, 300],
      epsilon: Math.fround(1e-5),
    });
    expect(file.initialisers.get('wéight')).toEqual({
      type: 1,
      shape: [2, 1],
      bytes: Uint8Array.of(0xcd, 0xcc, 0xcc, 0xbd, 0, 0, 0x80, 0x7f),
    });
    const integers = file.initialisers.get('integers.-1_1099511627776')!;
    expect(integers.shape).toEqual([2]);
    expect(Array.from(integers.bytes)).toEqual([...Array<number>(8).fill(255), 0, 0, 0, 0, 0, 1, 0, 0]);
  });
});

function text(value: string): number[] {
  return Array.from(new TextEncoder().encode(value));
}
