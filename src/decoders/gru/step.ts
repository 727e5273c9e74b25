/**
 * The streaming GRU: weights packed once, one step a handful of kernel calls, nothing allocated.
 *
 * Folding: with normalised features (x - mean) * scale, W_ih' = W_ih scale and b_ih' = b_ih - W_ih' mean, so raw counts
 * go in and channels without a spike cost nothing. The readout takes the output's scale and mean in the same way.
 *
 * State: h of layer 0, h of layer 1, ... as float32, layerCount * H * 4 bytes.
 */
import type { Kernels } from '../../kernels/kernels.ts';
import type { Decoder, Model } from '../decoder.ts';
import { gruConfigSchema, layerNames } from './gru.ts';

/** Rows of a packed matrix-vector product come in blocks of this size. */
const ROW_BLOCK = 24;

/** A packed affine map at a fixed place in the arena. */
interface PackedMap {
  packedPtr: number;
  biasPtr: number;
  outputPtr: number;
  rows: number;
  cols: number;
}

interface Layer {
  input: PackedMap;
  recurrent: PackedMap;
  hiddenPtr: number;
}

export class GruDecoder implements Decoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  private readonly kernels: Kernels;
  private readonly hiddenCount: number;
  private readonly layers: Layer[] = [];
  private readonly readout: PackedMap;
  private readonly inputPtr: number;
  private readonly scratchPtr: number;
  private readonly input: Float32Array;
  private readonly output: Float32Array;
  private readonly state: Float32Array;
  private readonly stateAsBytes: Uint8Array;

  constructor(model: Model, kernels: Kernels) {
    const { hiddenCount, layerCount } = gruConfigSchema.parse(model.config);
    const { inputCount, outputCount } = model.shape;
    const { featureMean, featureScale, outputMean, outputScale } = model.normalisation;
    const { arena } = kernels;
    this.kernels = kernels;
    this.hiddenCount = hiddenCount;
    this.inputCount = inputCount;
    this.outputCount = outputCount;
    this.stateBytes = layerCount * hiddenCount * 4;
    this.inputPtr = arena.allocate(inputCount);
    this.scratchPtr = arena.allocate(inputCount);
    const statePtr = arena.allocate(layerCount * hiddenCount);
    for (let layer = 0; layer < layerCount; layer++) {
      const names = layerNames(layer);
      const weightIh = Float32Array.from(model.tensors[names.weightIh].data);
      const biasIh = Float32Array.from(model.tensors[names.biasIh].data);
      if (layer === 0) foldInput(weightIh, biasIh, featureMean, featureScale);
      this.layers.push({
        input: packMap(kernels, weightIh, biasIh),
        recurrent: packMap(kernels, model.tensors[names.weightHh].data, model.tensors[names.biasHh].data),
        hiddenPtr: statePtr + layer * hiddenCount * 4,
      });
    }
    const weight = Float32Array.from(model.tensors['readout.weight'].data);
    const bias = Float32Array.from(model.tensors['readout.bias'].data);
    foldOutput(weight, bias, outputMean, outputScale);
    this.readout = packMap(kernels, weight, bias);
    this.input = arena.float32(this.inputPtr, inputCount);
    this.output = arena.float32(this.readout.outputPtr, outputCount);
    this.state = arena.float32(statePtr, layerCount * hiddenCount);
    this.stateAsBytes = new Uint8Array(arena.memory.buffer, statePtr, this.stateBytes);
  }

  step(features: Float32Array, output: Float32Array): void {
    const { exports: k } = this.kernels;
    this.input.set(features);
    let xPtr = this.inputPtr;
    for (let i = 0; i < this.layers.length; i++) {
      const { input, recurrent, hiddenPtr } = this.layers[i];
      if (i === 0) {
        k.matvecSparse(
          input.outputPtr,
          input.packedPtr,
          xPtr,
          input.biasPtr,
          input.rows,
          input.cols,
          this.scratchPtr,
        );
      } else {
        k.matvecDense(input.outputPtr, input.packedPtr, xPtr, input.biasPtr, input.rows, input.cols);
      }
      k.matvecDense(
        recurrent.outputPtr,
        recurrent.packedPtr,
        hiddenPtr,
        recurrent.biasPtr,
        recurrent.rows,
        recurrent.cols,
      );
      k.gruGates(hiddenPtr, input.outputPtr, recurrent.outputPtr, this.hiddenCount);
      xPtr = hiddenPtr;
    }
    const { readout } = this;
    k.matvecDense(readout.outputPtr, readout.packedPtr, xPtr, readout.biasPtr, readout.rows, readout.cols);
    output.set(this.output);
  }

  reset(): void {
    this.state.fill(0);
  }

  saveState(into: Uint8Array): void {
    into.set(this.stateAsBytes);
  }

  loadState(from: Uint8Array): void {
    this.stateAsBytes.set(from);
  }
}

/** @param weight [rows, cols], cols = weight.length / bias.length */
function packMap(kernels: Kernels, weight: Float32Array, bias: Float32Array): PackedMap {
  const { arena, exports: k } = kernels;
  const rows = bias.length;
  const cols = weight.length / rows;
  const paddedRows = Math.ceil(rows / ROW_BLOCK) * ROW_BLOCK;
  const weightPtr = arena.allocate(weight.length);
  const packedPtr = arena.allocate(paddedRows * cols);
  const biasPtr = arena.allocate(paddedRows);
  const outputPtr = arena.allocate(paddedRows);
  arena.float32(weightPtr, weight.length).set(weight);
  arena.float32(biasPtr, rows).set(bias);
  k.packMatvec(packedPtr, weightPtr, rows, cols);
  return { packedPtr, biasPtr, outputPtr, rows, cols };
}

/** In place: weight <- weight scale, bias <- bias - (weight scale) mean. */
function foldInput(weight: Float32Array, bias: Float32Array, mean: Float32Array, scale: Float32Array): void {
  const cols = mean.length;
  for (let row = 0; row < bias.length; row++) {
    let shift = 0;
    for (let i = 0; i < cols; i++) {
      weight[row * cols + i] *= scale[i];
      shift += weight[row * cols + i] * mean[i];
    }
    bias[row] -= shift;
  }
}

/** In place: rows of weight and bias <- scaled to the output's unit. */
function foldOutput(weight: Float32Array, bias: Float32Array, mean: Float32Array, scale: Float32Array): void {
  const cols = weight.length / bias.length;
  for (let row = 0; row < bias.length; row++) {
    for (let i = 0; i < cols; i++) weight[row * cols + i] *= scale[row];
    bias[row] = bias[row] * scale[row] + mean[row];
  }
}
