/** How close the neurons of a spiking step graph come to their thresholds. */
import type { Graph, Node } from '../../src/decoders/onnx/step-graph.ts';

/** A comparison decides over a spike; no other node of our graphs compares. */
export function decidesSpikes({ op }: Node): boolean {
  return op === 'GreaterOrEqual';
}

/** The graph whose output is, for each comparison in it, the smallest distance of any neuron from its threshold: [1, comparisons]. */
export function marginGraph(graph: Graph): Graph {
  const deciding = graph.nodes.filter(decidesSpikes);
  const margins = deciding.map((_, i) => `margin_${i}`);
  const added = deciding.flatMap(({ inputs }, i): Node[] => [
    { op: 'Sub', inputs, outputs: [`difference_${i}`], attributes: {} },
    { op: 'Abs', inputs: [`difference_${i}`], outputs: [`distance_${i}`], attributes: {} },
    { op: 'ReduceMin', inputs: [`distance_${i}`], outputs: [margins[i]], attributes: { axes: [1] } },
  ]);
  const concat: Node = { op: 'Concat', inputs: margins, outputs: ['output'], attributes: { axis: 1 } };
  const renamed = (name: string): string => (name === 'output' ? 'decoded' : name);
  return {
    ...graph,
    outputs: graph.outputs.map(({ name, shape }) => ({
      name,
      shape: name === 'output' ? [1, margins.length] : shape,
    })),
    nodes: [
      ...graph.nodes.map((node) => ({ ...node, outputs: node.outputs.map(renamed) })),
      ...added,
      concat,
    ],
  };
}
