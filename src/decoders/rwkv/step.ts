/**
 * The streaming RWKV-4: weights packed once, one step some dozen kernel calls per block, nothing allocated.
 *
 * State, per block: normalised stream of the bin before, of time mixing; aa; bb; pp; the same of channel mixing. Each [d] float32,
 * 5 * layerCount * d * 4 bytes. Fresh: pp is -1e30, the rest 0. pp, a largest exponent, moves with the keys and does not grow
 * over time, so a session may be of any length.
 */
import type { Kernels } from '../../kernels/kernels.ts';
import { NORM_EPSILON } from '../../tensor/engine.ts';
import type { Decoder, Model } from '../decoder.ts';
import { denseMap, inputMap, outputMap } from '../shared/decoder-maps.ts';
import type { AffineMap } from '../shared/affine-map.ts';
import { ArenaState } from '../shared/arena-state.ts';
import { WorkingSet } from '../shared/working-set.ts';
import { blockNames, EMBEDDING_NORM, OUTPUT_NORM, rwkvConfigSchema } from './rwkv.ts';

/** Vectors of a block's state, in this order. */
const STATE = { timeShift: 0, wkv: 1, exponent: 3, channelShift: 4, count: 5 };
/** In place of minus infinity, as kernels/assembly/wkv.ts has it. */
const EMPTY = -1e30;

interface Norm {
  gainPtr: number;
  biasPtr: number;
}

interface Block {
  timeNorm: Norm;
  channelNorm: Norm;
  /** [3, d]: shares of r, k and v. */
  timeSharesPtr: number;
  /** [2, d]: shares of r and k. */
  channelSharesPtr: number;
  /** w = -exp(time_decay), [d] */
  wPtr: number;
  /** [d] */
  uPtr: number;
  receptance: AffineMap;
  key: AffineMap;
  value: AffineMap;
  output: AffineMap;
  channelReceptance: AffineMap;
  channelKey: AffineMap;
  channelValue: AffineMap;
  timeShiftPtr: number;
  wkvPtr: number;
  channelShiftPtr: number;
}

export class RwkvDecoder implements Decoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  private readonly kernels: Kernels;
  private readonly workingSet: WorkingSet;
  private readonly width: number;
  private readonly feedForwardCount: number;
  private readonly state: ArenaState;
  private readonly embedding: AffineMap;
  private readonly embeddingNorm: Norm;
  private readonly blocks: readonly Block[];
  private readonly outputNorm: Norm;
  private readonly readout: AffineMap;
  private readonly inputPtr: number;
  /** x [d] */
  private readonly streamPtr: number;
  /** n [d] */
  private readonly normPtr: number;
  /** Mean and deviation that a norm leaves; not used. */
  private readonly statsPtr: number;
  /** [3, d] */
  private readonly mixedPtr: number;
  /** s(r) * wkv, [d] */
  private readonly gatedPtr: number;
  private readonly input: Float32Array;
  private readonly output: Float32Array;

  constructor(model: Model, kernels: Kernels) {
    const { width, layerCount, feedForwardCount } = rwkvConfigSchema.parse(model.config);
    const { arena } = kernels;
    const startByte = arena.usedBytes();
    this.kernels = kernels;
    this.width = width;
    this.feedForwardCount = feedForwardCount;
    this.inputCount = model.shape.inputCount;
    this.outputCount = model.shape.outputCount;
    this.state = new ArenaState(kernels, STATE.count * layerCount * width, freshState(layerCount, width));
    this.stateBytes = this.state.byteCount;
    this.inputPtr = arena.allocate(this.inputCount);
    this.streamPtr = arena.allocate(width);
    this.normPtr = arena.allocate(width);
    this.statsPtr = arena.allocate(2);
    this.mixedPtr = arena.allocate(3 * width);
    this.gatedPtr = arena.allocate(width);
    this.embedding = inputMap(kernels, model, 'embedding.weight', 'embedding.bias');
    this.embeddingNorm = placeNorm(kernels, model, EMBEDDING_NORM);
    this.blocks = Array.from({ length: layerCount }, (_, block) =>
      placeBlock(kernels, model, block, this.state.ptr + 4 * STATE.count * block * width, width),
    );
    this.outputNorm = placeNorm(kernels, model, OUTPUT_NORM);
    this.readout = outputMap(kernels, model, 'readout.weight', 'readout.bias');
    this.input = arena.float32(this.inputPtr, this.inputCount);
    this.output = arena.float32(this.readout.outputPtr, this.outputCount);
    this.workingSet = new WorkingSet(kernels, startByte);
  }

  step(features: Float32Array, output: Float32Array): void {
    this.workingSet.touch();
    this.input.set(features);
    this.embedding.applySparse(this.inputPtr);
    this.norm(this.streamPtr, this.embedding.outputPtr, this.embeddingNorm);
    for (const block of this.blocks) {
      this.mixTime(block);
      this.mixChannels(block);
    }
    this.norm(this.normPtr, this.streamPtr, this.outputNorm);
    this.readout.apply(this.normPtr);
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

  /** x = x + W_o (s(r) * wkv) */
  private mixTime(block: Block): void {
    const { exports: k } = this.kernels;
    const { width, mixedPtr, gatedPtr } = this;
    const { receptance, key, value, output } = block;
    this.norm(this.normPtr, this.streamPtr, block.timeNorm);
    k.shiftMixStep(mixedPtr, block.timeShiftPtr, this.normPtr, block.timeSharesPtr, 3, width);
    receptance.apply(mixedPtr);
    key.apply(mixedPtr + 4 * width);
    value.apply(mixedPtr + 8 * width);
    k.wkvStep(
      gatedPtr,
      block.wkvPtr,
      receptance.outputPtr,
      key.outputPtr,
      value.outputPtr,
      block.wPtr,
      block.uPtr,
      width,
    );
    output.apply(gatedPtr);
    k.accumulate(this.streamPtr, output.outputPtr, width);
  }

  /** x = x + s(r) * W_v max(0, k)^2 */
  private mixChannels(block: Block): void {
    const { exports: k } = this.kernels;
    const { width, mixedPtr } = this;
    const { channelReceptance: receptance, channelKey: key, channelValue: value } = block;
    this.norm(this.normPtr, this.streamPtr, block.channelNorm);
    k.shiftMixStep(mixedPtr, block.channelShiftPtr, this.normPtr, block.channelSharesPtr, 2, width);
    receptance.apply(mixedPtr);
    key.apply(mixedPtr + 4 * width);
    k.squaredRelu(key.outputPtr, key.outputPtr, this.feedForwardCount);
    value.applySparse(key.outputPtr); // most hidden units are silent
    k.sigmoid(receptance.outputPtr, receptance.outputPtr, width);
    k.multiplyAdd(this.streamPtr, receptance.outputPtr, value.outputPtr, width);
  }

  private norm(yPtr: number, xPtr: number, { gainPtr, biasPtr }: Norm): void {
    this.kernels.exports.layerNorm(yPtr, this.statsPtr, xPtr, gainPtr, biasPtr, 1, this.width, NORM_EPSILON);
  }
}

function placeBlock(kernels: Kernels, model: Model, block: number, statePtr: number, width: number): Block {
  const { norm1, norm2, att, ffn } = blockNames(block);
  const { tensors } = model;
  const values = (name: string): Float32Array => tensors[name].data;
  const map = (name: string): AffineMap => denseMap(kernels, model, name);
  return {
    timeNorm: placeNorm(kernels, model, norm1),
    channelNorm: placeNorm(kernels, model, norm2),
    timeSharesPtr: place(kernels, values(att.mixR), values(att.mixK), values(att.mixV)),
    channelSharesPtr: place(kernels, values(ffn.mixR), values(ffn.mixK)),
    wPtr: place(
      kernels,
      values(att.decay).map((value) => -Math.exp(value)),
    ),
    uPtr: place(kernels, values(att.first)),
    receptance: map(att.receptance),
    key: map(att.key),
    value: map(att.value),
    output: map(att.output),
    channelReceptance: map(ffn.receptance),
    channelKey: map(ffn.key),
    channelValue: map(ffn.value),
    timeShiftPtr: statePtr + 4 * STATE.timeShift * width,
    wkvPtr: statePtr + 4 * STATE.wkv * width,
    channelShiftPtr: statePtr + 4 * STATE.channelShift * width,
  };
}

function placeNorm(kernels: Kernels, model: Model, name: string): Norm {
  return {
    gainPtr: place(kernels, model.tensors[`${name}.weight`].data),
    biasPtr: place(kernels, model.tensors[`${name}.bias`].data),
  };
}

/** Vectors, one after another, in the kernel memory. */
function place(kernels: Kernels, ...vectors: readonly Float32Array[]): number {
  const { arena } = kernels;
  const count = vectors.reduce((sum, vector) => sum + vector.length, 0);
  const ptr = arena.allocate(count);
  const values = arena.float32(ptr, count);
  let offset = 0;
  for (const vector of vectors) {
    values.set(vector, offset);
    offset += vector.length;
  }
  return ptr;
}

function freshState(layerCount: number, width: number): Float32Array {
  const state = new Float32Array(STATE.count * layerCount * width);
  for (let block = 0; block < layerCount; block++) {
    const exponent = (STATE.count * block + STATE.exponent) * width;
    state.fill(EMPTY, exponent, exponent + width);
  }
  return state;
}
