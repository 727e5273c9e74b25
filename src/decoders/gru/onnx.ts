/**
 * The GRU step with ONNX's own GRU operator, at a sequence length of one.
 *
 * ONNX stacks the gates as z, r, n where PyTorch has r, z, n, keeps both biases in one tensor (input's first), and
 * multiplies r with the recurrent part after its bias (PyTorch's form) only when `linear_before_reset` is 1.
 */
import type { Model, TensorData } from '../decoder.ts';
import { outputMap } from '../onnx/model-maps.ts';
import type { StepGraph } from '../onnx/step-graph.ts';
import { foldInput } from '../shared/folded-maps.ts';
import { gruConfigSchema, layerNames } from './gru.ts';

export function gruOnnxStep(model: Model, graph: StepGraph): void {
  const { hiddenCount: H, layerCount } = gruConfigSchema.parse(model.config);
  const { tensors } = model;
  const axis = graph.integers(0);
  const features = graph.input('features', [1, model.shape.inputCount]);
  let x = graph.op('Unsqueeze', [features, axis]); // [T = 1, B = 1, I]
  for (let layer = 0; layer < layerCount; layer++) {
    const names = layerNames(layer);
    const input =
      layer === 0
        ? foldInput(model, names.weightIh, names.biasIh)
        : { weight: tensors[names.weightIh], bias: tensors[names.biasIh] };
    const W = graph.tensor(names.weightIh, withDirection(zrn(input.weight, H))); // [1, 3H, I]
    const R = graph.tensor(names.weightHh, withDirection(zrn(tensors[names.weightHh], H))); // [1, 3H, H]
    const B = graph.tensor(
      `rnn.bias_l${layer}`,
      bothBiases(zrn(input.bias, H), zrn(tensors[names.biasHh], H)), // [1, 6H]
    );
    const h = graph.state(`h_l${layer}`, [1, 1, H]);
    const [, next] = graph.ops('GRU', [x, W, R, B, '', h], 2, { hidden_size: H, linear_before_reset: 1 });
    graph.next(`h_l${layer}`, next); // [1, 1, H]
    x = next;
  }
  outputMap(model, graph, graph.op('Squeeze', [x, axis]), 'readout.weight', 'readout.bias');
}

/** Rows of r and z swapped. @param tensor [3H] or [3H, cols], rows r, z, n */
function zrn({ shape, data }: TensorData, H: number): TensorData {
  const size = data.length / 3; // elements of one gate
  const swapped = data.slice();
  swapped.set(data.subarray(size, 2 * size), 0);
  swapped.set(data.subarray(0, size), size);
  return { shape: [3 * H, ...shape.slice(1)], data: swapped };
}

function withDirection({ shape, data }: TensorData): TensorData {
  return { shape: [1, ...shape], data };
}

function bothBiases(input: TensorData, recurrent: TensorData): TensorData {
  const data = new Float32Array(input.data.length + recurrent.data.length);
  data.set(input.data);
  data.set(recurrent.data, input.data.length);
  return { shape: [1, data.length], data };
}
