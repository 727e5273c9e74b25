/** A model's linear maps in its step graph: what shared/affine-map.ts is to the kernels. */
import type { Model } from '../decoder.ts';
import { foldInput, foldOutput } from '../shared/folded-maps.ts';
import type { FoldedMap } from '../shared/folded-maps.ts';
import type { StepGraph, Value } from './step-graph.ts';

/** A decoder's first map, from the graph's input of raw features. @returns [1, rows] */
export function inputMap(model: Model, graph: StepGraph, weightName: string, biasName?: string): Value {
  const features = graph.input('features', [1, model.shape.inputCount]);
  return foldedMap(graph, features, foldInput(model, weightName, biasName), weightName);
}

/** W x + b. @param x [1, cols] @param biasName undefined: no bias @returns [1, rows] */
export function denseMap(
  model: Model,
  graph: StepGraph,
  x: Value,
  weightName: string,
  biasName?: string,
): Value {
  const weight = modelTensor(model, graph, weightName);
  return graph.linear(x, weight, biasName === undefined ? undefined : modelTensor(model, graph, biasName));
}

/** A decoder's last map, to the graph's output in the model's unit. @param x [1, cols] */
export function outputMap(
  model: Model,
  graph: StepGraph,
  x: Value,
  weightName: string,
  biasName?: string,
): void {
  const y = foldedMap(graph, x, foldOutput(model, weightName, biasName), weightName);
  graph.output('output', y, [1, model.shape.outputCount]);
}

/** A learned tensor as it is. */
export function modelTensor({ tensors }: Model, graph: StepGraph, name: string): Value {
  return graph.tensor(name, tensors[name]);
}

function foldedMap(graph: StepGraph, x: Value, { weight, bias }: FoldedMap, name: string): Value {
  return graph.linear(x, graph.tensor(`folded.${name}`, weight), graph.tensor(`folded.${name}.bias`, bias));
}
