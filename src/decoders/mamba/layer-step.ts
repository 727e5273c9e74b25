/** One bin of one Mamba layer: u <- u + mixer(rmsNorm(u)), all at fixed places, nothing allocated. */
import { CHANNEL_GROUP } from '../../kernels/exports/selective-scan.ts';
import type { Kernels } from '../../kernels/kernels.ts';
import { NORM_EPSILON } from '../../tensor/engine.ts';
import type { Model } from '../decoder.ts';
import { denseMap } from '../shared/decoder-maps.ts';
import type { AffineMap } from '../shared/affine-map.ts';
import { channelCountOf, layerNames } from './mamba.ts';
import type { MambaConfig } from './mamba.ts';

/**
 * Floats of a layer's state: the inputs of the convolution in the last K - 1 bins, oldest first, [K - 1][D]; then h,
 * [ceil(D / 4)][N][4], channels in groups of four.
 */
export function layerStateCount(config: MambaConfig): number {
  return historyCount(config) + paddedChannels(config) * config.stateCount;
}

function historyCount(config: MambaConfig): number {
  return (config.convBins - 1) * channelCountOf(config);
}

function paddedChannels(config: MambaConfig): number {
  return Math.ceil(channelCountOf(config) / CHANNEL_GROUP) * CHANNEL_GROUP;
}

export class LayerStep {
  private readonly kernels: Kernels;
  private readonly config: MambaConfig;
  private readonly channelCount: number;
  private readonly inMap: AffineMap;
  private readonly xMap: AffineMap;
  private readonly dtMap: AffineMap;
  private readonly outMap: AffineMap;
  private readonly gainPtr: number;
  /** [K][D], the transposed weight of the convolution. */
  private readonly tapsPtr: number;
  private readonly convBiasPtr: number;
  private readonly decayPtr: number;
  private readonly skipPtr: number;
  private readonly historyPtr: number;
  private readonly hPtr: number;
  private readonly normedPtr: number;
  private readonly statsPtr: number;
  /** x, and the output of the state space. [D, padded to groups] */
  private readonly xPtr: number;
  private readonly yPtr: number;

  /** @param statePtr [layerStateCount] */
  constructor(model: Model, kernels: Kernels, config: MambaConfig, layer: number, statePtr: number) {
    const { arena, exports: k } = kernels;
    const { width, stateCount, convBins } = config;
    const { tensors } = model;
    const names = layerNames(layer);
    const channelCount = channelCountOf(config);
    const padded = paddedChannels(config);
    const place = (values: ArrayLike<number>, count = values.length): number => {
      const ptr = arena.allocate(count);
      arena.float32(ptr, values.length).set(values);
      return ptr;
    };
    this.kernels = kernels;
    this.config = config;
    this.channelCount = channelCount;
    this.inMap = denseMap(kernels, model, names.inWeight);
    this.xMap = denseMap(kernels, model, names.xWeight);
    this.dtMap = denseMap(kernels, model, names.dtWeight, names.dtBias);
    this.outMap = denseMap(kernels, model, names.outWeight);
    this.gainPtr = place(tensors[names.norm].data);
    const weight = tensors[names.convWeight].data; // [D, 1, K]
    this.tapsPtr = place(
      weight.map((_, i) => weight[(i % channelCount) * convBins + Math.floor(i / channelCount)]),
    );
    this.convBiasPtr = place(tensors[names.convBias].data);
    this.skipPtr = place(tensors[names.skip].data, padded);
    this.decayPtr = arena.allocate(padded * stateCount);
    k.packDecays(this.decayPtr, place(tensors[names.aLog].data), channelCount, stateCount);
    this.historyPtr = statePtr;
    this.hPtr = statePtr + 4 * historyCount(config);
    this.normedPtr = arena.allocate(width);
    this.statsPtr = arena.allocate(1);
    this.xPtr = arena.allocate(padded);
    this.yPtr = arena.allocate(padded);
  }

  /** @param uPtr [W], updated */
  apply(uPtr: number): void {
    const { exports: k } = this.kernels;
    const { width, stateCount, convBins, rankCount } = this.config;
    const { channelCount, xPtr, yPtr, inMap, xMap, dtMap, outMap } = this;
    k.rmsNorm(this.normedPtr, this.statsPtr, uPtr, this.gainPtr, 1, width, NORM_EPSILON);
    inMap.apply(this.normedPtr); // x, z
    k.causalConvStep(
      xPtr,
      this.historyPtr,
      inMap.outputPtr,
      this.tapsPtr,
      this.convBiasPtr,
      channelCount,
      convBins,
    );
    k.silu(xPtr, xPtr, channelCount);
    xMap.apply(xPtr); // r, B, C
    dtMap.apply(xMap.outputPtr);
    k.softplus(dtMap.outputPtr, dtMap.outputPtr, channelCount);
    const bPtr = xMap.outputPtr + 4 * rankCount;
    const cPtr = bPtr + 4 * stateCount;
    k.selectiveStep(
      yPtr,
      this.hPtr,
      xPtr,
      dtMap.outputPtr,
      this.decayPtr,
      bPtr,
      cPtr,
      this.skipPtr,
      channelCount,
      stateCount,
    );
    const zPtr = inMap.outputPtr + 4 * channelCount;
    k.silu(zPtr, zPtr, channelCount);
    k.multiply(yPtr, yPtr, zPtr, channelCount);
    outMap.apply(yPtr);
    k.accumulate(uPtr, outMap.outputPtr, width);
  }
}
