/**
 * The streaming Mamba: weights packed once, one bin a fixed list of kernel calls, nothing allocated.
 *
 * State, float32, layer by layer: the inputs of the convolution in the last K - 1 bins, oldest first, [K - 1][D], then
 * h [ceil(D / 4)][N][4]. The short history is moved on by copying, so there is no index to keep, and nothing that counts
 * bins: a step costs the same after 24 hours.
 */
import type { Kernels } from '../../kernels/kernels.ts';
import { NORM_EPSILON } from '../../tensor/engine.ts';
import type { Decoder, Model } from '../decoder.ts';
import { inputMap, outputMap } from '../shared/decoder-maps.ts';
import type { AffineMap } from '../shared/affine-map.ts';
import { ArenaState } from '../shared/arena-state.ts';
import { WorkingSet } from '../shared/working-set.ts';
import { LayerStep, layerStateCount } from './layer-step.ts';
import { mambaConfigSchema } from './mamba.ts';

export class MambaDecoder implements Decoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  private readonly kernels: Kernels;
  private readonly workingSet: WorkingSet;
  private readonly width: number;
  private readonly embedding: AffineMap;
  private readonly layers: readonly LayerStep[];
  private readonly readout: AffineMap;
  private readonly gainPtr: number;
  private readonly normedPtr: number;
  private readonly statsPtr: number;
  private readonly state: ArenaState;
  private readonly inputPtr: number;
  private readonly input: Float32Array;
  private readonly output: Float32Array;

  constructor(model: Model, kernels: Kernels) {
    const config = mambaConfigSchema.parse(model.config);
    const { arena } = kernels;
    const startByte = arena.usedBytes();
    const layerCount = layerStateCount(config);
    this.kernels = kernels;
    this.width = config.width;
    this.inputCount = model.shape.inputCount;
    this.outputCount = model.shape.outputCount;
    this.state = new ArenaState(kernels, config.layerCount * layerCount);
    this.stateBytes = this.state.byteCount;
    this.embedding = inputMap(kernels, model, 'embedding.weight', 'embedding.bias');
    this.layers = Array.from(
      { length: config.layerCount },
      (_, layer) => new LayerStep(model, kernels, config, layer, this.state.ptr + 4 * layer * layerCount),
    );
    this.readout = outputMap(kernels, model, 'readout.weight', 'readout.bias');
    this.gainPtr = arena.allocate(config.width);
    arena.float32(this.gainPtr, config.width).set(model.tensors['norm_f.weight'].data);
    this.normedPtr = arena.allocate(config.width);
    this.statsPtr = arena.allocate(1);
    this.inputPtr = arena.allocate(this.inputCount);
    this.input = arena.float32(this.inputPtr, this.inputCount);
    this.output = arena.float32(this.readout.outputPtr, this.outputCount);
    this.workingSet = new WorkingSet(kernels, startByte);
  }

  step(features: Float32Array, output: Float32Array): void {
    this.workingSet.touch();
    const { exports: k } = this.kernels;
    const uPtr = this.embedding.outputPtr;
    this.input.set(features);
    this.embedding.applySparse(this.inputPtr);
    for (let layer = 0; layer < this.layers.length; layer++) this.layers[layer].apply(uPtr);
    k.rmsNorm(this.normedPtr, this.statsPtr, uPtr, this.gainPtr, 1, this.width, NORM_EPSILON);
    this.readout.apply(this.normedPtr);
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
