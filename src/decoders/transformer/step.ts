/**
 * The streaming transformer: weights packed once, one step a few kernel calls per layer, nothing allocated.
 *
 * State, float32: per layer a ring of the last W keys (turned) and values,
 *   [heads][keys, then values][W][D up to a multiple of 4],
 * then one number, the count of bins so far. Bin t goes into slot t mod W. The count stays exact for ever: from W on it
 * runs from W to 2W - 1 and around again, which leaves slots and differences of positions as they are
 * (kernels/assembly/attention-step.ts), so that no angle ever grows. Slots of a fresh state hold zeros and are not attended to.
 */
import { attentionRingCount, attentionStepScratchCount } from '../../kernels/exports/attention.ts';
import type { Kernels } from '../../kernels/kernels.ts';
import { NORM_EPSILON } from '../../tensor/engine.ts';
import { rotaryTable } from '../../tensor/rotary.ts';
import type { AffineNames, Decoder, Model } from '../decoder.ts';
import { denseMap, inputMap, outputMap } from '../shared/decoder-maps.ts';
import type { AffineMap } from '../shared/affine-map.ts';
import { ArenaState } from '../shared/arena-state.ts';
import { WorkingSet } from '../shared/working-set.ts';
import { EMBEDDING, FINAL_NORM, layerNames, READOUT, transformerConfigSchema } from './transformer.ts';
import type { TransformerConfig } from './transformer.ts';

interface Norm {
  gainPtr: number;
  biasPtr: number;
}

interface Layer {
  norm1: Norm;
  qkv: AffineMap;
  attentionOut: AffineMap;
  norm2: Norm;
  linear1: AffineMap;
  linear2: AffineMap;
  ringPtr: number;
}

export class TransformerDecoder implements Decoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  private readonly kernels: Kernels;
  private readonly workingSet: WorkingSet;
  private readonly config: TransformerConfig;
  private readonly headWidth: number;
  private readonly embedding: AffineMap;
  private readonly layers: readonly Layer[];
  private readonly finalNorm: Norm;
  private readonly readout: AffineMap;
  private readonly state: ArenaState;
  /** Index of the count of bins in the state. */
  private readonly countIndex: number;
  private readonly inputPtr: number;
  private readonly input: Float32Array;
  private readonly output: Float32Array;
  private readonly rotaryPtr: number;
  /** n, then o [E] */
  private readonly branchPtr: number;
  private readonly statsPtr: number;
  private readonly scratchPtr: number;

  constructor(model: Model, kernels: Kernels) {
    const config = transformerConfigSchema.parse(model.config);
    const { width, layerCount, headCount, windowBins } = config;
    const { arena } = kernels;
    const startByte = arena.usedBytes();
    this.kernels = kernels;
    this.config = config;
    this.headWidth = width / headCount;
    this.inputCount = model.shape.inputCount;
    this.outputCount = model.shape.outputCount;
    const ringCount = attentionRingCount(headCount, this.headWidth, windowBins);
    this.countIndex = layerCount * ringCount;
    this.state = new ArenaState(kernels, this.countIndex + 1);
    this.stateBytes = this.state.byteCount;
    const dense = ({ weight, bias }: AffineNames): AffineMap => denseMap(kernels, model, weight, bias);
    this.embedding = inputMap(kernels, model, EMBEDDING.weight, EMBEDDING.bias);
    this.layers = Array.from({ length: layerCount }, (_, layer) => {
      const names = layerNames(layer);
      return {
        norm1: placeNorm(kernels, model, names.norm1),
        qkv: dense(names.qkv),
        attentionOut: dense(names.attentionOut),
        norm2: placeNorm(kernels, model, names.norm2),
        linear1: dense(names.linear1),
        linear2: dense(names.linear2),
        ringPtr: this.state.ptr + layer * ringCount * 4,
      };
    });
    this.finalNorm = placeNorm(kernels, model, FINAL_NORM);
    this.readout = outputMap(kernels, model, READOUT.weight, READOUT.bias);
    this.inputPtr = arena.allocate(this.inputCount);
    this.input = arena.float32(this.inputPtr, this.inputCount);
    this.output = arena.float32(this.readout.outputPtr, this.outputCount);
    const table = rotaryTable(2 * windowBins, this.headWidth);
    this.rotaryPtr = arena.allocate(table.length);
    arena.float32(this.rotaryPtr, table.length).set(table);
    this.branchPtr = arena.allocate(width);
    this.statsPtr = arena.allocate(2);
    this.scratchPtr = arena.allocate(attentionStepScratchCount(this.headWidth, windowBins));
    this.workingSet = new WorkingSet(kernels, startByte);
  }

  step(features: Float32Array, output: Float32Array): void {
    this.workingSet.touch();
    const { exports: k } = this.kernels;
    const { width, headCount, windowBins, feedForwardCount } = this.config;
    const { embedding, headWidth, branchPtr } = this;
    const count = this.state.values[this.countIndex];
    this.input.set(features);
    embedding.applySparse(this.inputPtr);
    const xPtr = embedding.outputPtr;
    for (let i = 0; i < this.layers.length; i++) {
      const { norm1, qkv, attentionOut, norm2, linear1, linear2, ringPtr } = this.layers[i];
      this.normalise(xPtr, norm1);
      qkv.apply(branchPtr);
      k.attentionStep(
        branchPtr,
        ringPtr,
        qkv.outputPtr,
        this.rotaryPtr,
        headCount,
        headWidth,
        windowBins,
        count,
        this.scratchPtr,
      );
      attentionOut.apply(branchPtr);
      k.accumulate(xPtr, attentionOut.outputPtr, width);
      this.normalise(xPtr, norm2);
      linear1.apply(branchPtr);
      k.gelu(linear1.outputPtr, linear1.outputPtr, feedForwardCount);
      linear2.apply(linear1.outputPtr);
      k.accumulate(xPtr, linear2.outputPtr, width);
    }
    this.normalise(xPtr, this.finalNorm);
    this.readout.apply(branchPtr);
    output.set(this.output);
    this.state.values[this.countIndex] = count + 1 === 2 * windowBins ? windowBins : count + 1;
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

  /** n = norm(x), where the branches read it. */
  private normalise(xPtr: number, { gainPtr, biasPtr }: Norm): void {
    const { width } = this.config;
    this.kernels.exports.layerNorm(
      this.branchPtr,
      this.statsPtr,
      xPtr,
      gainPtr,
      biasPtr,
      1,
      width,
      NORM_EPSILON,
    );
  }
}

function placeNorm(kernels: Kernels, model: Model, { weight, bias }: AffineNames): Norm {
  const [gainPtr, biasPtr] = [weight, bias].map((name) => {
    const { data } = model.tensors[name];
    const ptr = kernels.arena.allocate(data.length);
    kernels.arena.float32(ptr, data.length).set(data);
    return ptr;
  });
  return { gainPtr, biasPtr };
}
