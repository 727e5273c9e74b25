/**
 * The streaming GRU: weights packed once, one step a handful of kernel calls, nothing allocated.
 *
 * State: h of layer 0, h of layer 1, ... as float32, layerCount * H * 4 bytes.
 */
import type { Kernels } from '../../kernels/kernels.ts';
import type { Decoder, Model } from '../decoder.ts';
import { denseMap, inputMap, outputMap } from '../shared/decoder-maps.ts';
import type { AffineMap } from '../shared/affine-map.ts';
import { ArenaState } from '../shared/arena-state.ts';
import { WorkingSet } from '../shared/working-set.ts';
import { gruConfigSchema, layerNames } from './gru.ts';

interface Layer {
  input: AffineMap;
  recurrent: AffineMap;
  hiddenPtr: number;
}

export class GruDecoder implements Decoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  private readonly kernels: Kernels;
  private readonly workingSet: WorkingSet;
  private readonly hiddenCount: number;
  private readonly layers: readonly Layer[];
  private readonly readout: AffineMap;
  private readonly state: ArenaState;
  private readonly inputPtr: number;
  private readonly input: Float32Array;
  private readonly output: Float32Array;

  constructor(model: Model, kernels: Kernels) {
    const { hiddenCount, layerCount } = gruConfigSchema.parse(model.config);
    const { arena } = kernels;
    const startByte = arena.usedBytes();
    this.kernels = kernels;
    this.hiddenCount = hiddenCount;
    this.inputCount = model.shape.inputCount;
    this.outputCount = model.shape.outputCount;
    this.state = new ArenaState(kernels, layerCount * hiddenCount);
    this.stateBytes = this.state.byteCount;
    this.layers = Array.from({ length: layerCount }, (_, layer) => {
      const names = layerNames(layer);
      return {
        input: (layer === 0 ? inputMap : denseMap)(kernels, model, names.weightIh, names.biasIh),
        recurrent: denseMap(kernels, model, names.weightHh, names.biasHh),
        hiddenPtr: this.state.ptr + layer * hiddenCount * 4,
      };
    });
    this.readout = outputMap(kernels, model, 'readout.weight', 'readout.bias');
    this.inputPtr = arena.allocate(this.inputCount);
    this.input = arena.float32(this.inputPtr, this.inputCount);
    this.output = arena.float32(this.readout.outputPtr, this.outputCount);
    this.workingSet = new WorkingSet(kernels, startByte);
  }

  step(features: Float32Array, output: Float32Array): void {
    this.workingSet.touch();
    this.input.set(features);
    let xPtr = this.inputPtr;
    for (let i = 0; i < this.layers.length; i++) {
      const { input, recurrent, hiddenPtr } = this.layers[i];
      if (i === 0) input.applySparse(xPtr);
      else input.apply(xPtr);
      recurrent.apply(hiddenPtr);
      this.kernels.exports.gruGates(hiddenPtr, input.outputPtr, recurrent.outputPtr, this.hiddenCount);
      xPtr = hiddenPtr;
    }
    this.readout.apply(xPtr);
    output.set(this.output);
  }

  reset(): void {
    this.state.reset();
  }

  saveState(into: Uint8Array): void {
    this.state.save(into);
  }

  loadState(from: Uint8Array): void {
    this.state.load(from);
  }
}
