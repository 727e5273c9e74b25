/**
 * The streaming decoder. Spikes are events: the mixing map adds the weight columns of the neurons that fired and
 * multiplies nothing, so its cost follows the spike rate. What can be folded is (folded-layer.ts).
 *
 * State as float32, H4 being H rounded up to a multiple of 4, per layer:
 *   h [H4/4, N/2, 2, 4]  real and imaginary parts of 4 channels;  v [H4] membranes;  `refractory`, `alif`: trace [H4]
 */
import type { Kernels } from '../../kernels/kernels.ts';
import type { Decoder, Model } from '../decoder.ts';
import type { AffineMap } from '../shared/affine-map.ts';
import { ArenaState } from '../shared/arena-state.ts';
import { inputMap, outputMap, spikeMap } from '../shared/decoder-maps.ts';
import type { EventMap } from '../shared/event-map.ts';
import { WorkingSet } from '../shared/working-set.ts';
import { foldLayer } from './folded-layer.ts';
import { layerNames, spikingSsmConfigSchema } from './spiking-ssm.ts';
import type { LayerNames, SpikingSsmConfig } from './spiking-ssm.ts';
import { streamNeurons } from './stream-neurons.ts';
import type { StreamNeurons } from './stream-neurons.ts';

interface Layer {
  /** Complex states. */
  statesPtr: number;
  coefficientsPtr: number;
  directPtr: number;
  neurons: StreamNeurons;
  mix: EventMap;
  gainPtr: number;
  offsetPtr: number;
}

export class SpikingSsmDecoder implements Decoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  private readonly kernels: Kernels;
  private readonly workingSet: WorkingSet;
  private readonly width: number;
  private readonly paddedWidth: number;
  private readonly pairCount: number;
  private readonly embedding: AffineMap;
  private readonly layers: readonly Layer[];
  private readonly readout: AffineMap;
  private readonly state: ArenaState;
  private readonly drivePtr: number;
  private readonly inputPtr: number;
  private readonly input: Float32Array;
  private readonly output: Float32Array;
  /** Most spikes that a bin can have. */
  private readonly spikesPerBinMax: number;
  private spikeCount = 0;
  private binCount = 0;

  constructor(model: Model, kernels: Kernels) {
    const config = spikingSsmConfigSchema.parse(model.config);
    const { width, layerCount, stateCount, neuron, levelCount } = config;
    const { arena } = kernels;
    const startByte = arena.usedBytes();
    this.kernels = kernels;
    this.width = width;
    this.paddedWidth = 4 * Math.ceil(width / 4);
    this.pairCount = stateCount / 2;
    this.inputCount = model.shape.inputCount;
    this.outputCount = model.shape.outputCount;
    this.spikesPerBinMax = layerCount * width * (neuron === 'ilif' ? levelCount : 1);
    const hasTrace = neuron === 'refractory' || neuron === 'alif';
    const layerFloats = this.paddedWidth * (stateCount + (hasTrace ? 2 : 1));
    this.state = new ArenaState(kernels, layerCount * layerFloats);
    this.stateBytes = this.state.byteCount;
    this.embedding = inputMap(kernels, model, 'embedding.weight', 'embedding.bias');
    this.layers = Array.from({ length: layerCount }, (_, layer) => {
      const statesPtr = this.state.ptr + 4 * layer * layerFloats;
      return makeLayer(kernels, model, config, layerNames(layer), statesPtr, this.paddedWidth);
    });
    this.readout = outputMap(kernels, model, 'readout.weight', 'readout.bias');
    this.drivePtr = arena.allocate(this.paddedWidth);
    this.inputPtr = arena.allocate(this.inputCount);
    this.input = arena.float32(this.inputPtr, this.inputCount);
    this.output = arena.float32(this.readout.outputPtr, this.outputCount);
    this.workingSet = new WorkingSet(kernels, startByte);
  }

  /** Share of neurons that fired (`ilif`: of their sub-steps), over all bins so far, across resets; NaN before the first. */
  get spikeRate(): number {
    return this.spikeCount / (this.binCount * this.spikesPerBinMax);
  }

  step(features: Float32Array, output: Float32Array): void {
    this.workingSet.touch();
    const { exports: k } = this.kernels;
    const { embedding, drivePtr, width, paddedWidth, pairCount } = this;
    this.input.set(features);
    embedding.applySparse(this.inputPtr);
    const xPtr = embedding.outputPtr; // rows beyond the width are zero
    for (const { statesPtr, coefficientsPtr, directPtr, neurons, mix, gainPtr, offsetPtr } of this.layers) {
      k.s4dStep(drivePtr, statesPtr, xPtr, coefficientsPtr, directPtr, paddedWidth, pairCount);
      const spikeCount = neurons.step(drivePtr);
      mix.apply(neurons.listPtr, spikeCount);
      k.gluResidual(xPtr, mix.outputPtr, gainPtr, offsetPtr, width);
      this.spikeCount += Math.max(0, spikeCount);
    }
    this.binCount++;
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

/** @param statesPtr where the layer's state begins @param count H rounded up to a multiple of 4 */
function makeLayer(
  kernels: Kernels,
  model: Model,
  config: SpikingSsmConfig,
  names: LayerNames,
  statesPtr: number,
  count: number,
): Layer {
  const { arena } = kernels;
  const { width, stateCount } = config;
  const place = (values: ArrayLike<number>): number => {
    const ptr = arena.allocate(count);
    arena.float32(ptr, width).set(values);
    return ptr;
  };

  const folded = foldLayer(model, config, names);
  const coefficientsPtr = arena.allocate(folded.coefficients.length);
  arena.float32(coefficientsPtr, folded.coefficients.length).set(folded.coefficients);

  const membranePtr = statesPtr + 4 * count * stateCount;
  return {
    statesPtr,
    coefficientsPtr,
    directPtr: place(folded.direct),
    neurons: streamNeurons(kernels, model, config, names, count, membranePtr, membranePtr + 4 * count),
    mix: spikeMap(kernels, names.mixWeight, folded.mixWeight, folded.mixBias),
    gainPtr: place(folded.gain),
    offsetPtr: place(folded.offset),
  };
}
