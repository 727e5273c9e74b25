/**
 * How many operations a model needs on real data, by the definitions of NeuroBench (Yik et al. 2025, Nature
 * Communications 16:1545; `SynapticOperations` and `ActivationSparsity` of its code): the decoder runs over a part of a
 * recording, and every map tells of its inputs.
 *
 *   effective operation   a non-zero input times a non-zero weight; biases are not counted
 *   AC                    such an operation of a map whose inputs are all -1, 0 or 1 (spikes): nothing is multiplied
 *   MAC                   such an operation of any other map
 *   activation sparsity   zeros among what activation functions and spiking neurons gave; 0 where there is none
 *   spike rate            as `Decoder.spikeRate`; null where there are no spiking neurons
 *
 * NeuroBench decides between AC and MAC batch by batch; here the whole part is one batch. Spike counts of a bin are whole
 * numbers, and as soon as one is above 1 their map counts as MACs; `countMacs` says how many of the MACs are of that kind. A
 * neuron that fires k times in a bin (`ilif`) is k events and k ACs for each weight. A depthwise convolution is not watched
 * and counts as if none of its inputs was zero. NeuroBench adds three products per unit to those of a GRU cell, for its
 * gates; here the gates of every kind are state updates.
 */
import type { BinnedRecording } from '../core/recording.ts';
import type { MapAccount } from '../decoders/account.ts';
import type { DecoderKind, Model } from '../decoders/decoder.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { decodeRange } from './decode-range.ts';
import type { BinRange } from './splits.ts';

export interface MapOperations extends MapAccount {
  /** Per step, mean over all bins. */
  effectiveOperations: number;
  operation: 'MAC' | 'AC';
  /** Share of inputs that were not zero. */
  inputDensity: number;
}

export interface OperationCounts {
  binCount: number;
  /** Per step, means over all bins. */
  effectiveMacs: number;
  effectiveAcs: number;
  /** Those of `effectiveMacs` whose input is a whole spike count: additions on hardware that takes events. */
  countMacs: number;
  activationSparsity: number;
  spikeRate: number | null;
  maps: readonly MapOperations[];
}

/** @param kernels a fresh instance, for this run alone */
export function countOperations(
  kind: DecoderKind,
  model: Model,
  recording: BinnedRecording,
  range: BinRange,
  kernels: Kernels,
): OperationCounts {
  const tallies = kind.account(model.config, model.shape).maps.map((map) => new MapTally(map, model));
  const watched = new Map(tallies.map((tally) => [tally.map.name, tally]));
  const decoder = kind.createDecoder(model, {
    ...kernels,
    onMapInput: (name, x) => watched.get(name)?.add(x),
  });
  decodeRange(decoder, model, recording, range);
  const binCount = range.endBin - range.startBin;
  const maps = tallies.map((tally) => tally.operations(binCount));
  const sumOf = (isIn: (map: MapOperations) => boolean): number =>
    maps.filter(isIn).reduce((sum, { effectiveOperations }) => sum + effectiveOperations, 0);
  return {
    binCount,
    effectiveMacs: sumOf(({ operation }) => operation === 'MAC'),
    effectiveAcs: sumOf(({ operation }) => operation === 'AC'),
    countMacs: sumOf(
      ({ operation, name }) => operation === 'MAC' && watched.get(name)?.hasWholeCounts === true,
    ),
    activationSparsity: sparsityOf(tallies.filter(({ map }) => isActivation(map))),
    spikeRate: decoder.spikeRate ?? null,
    maps,
  };
}

/** What one map's inputs were so far. */
class MapTally {
  readonly map: MapAccount;
  inputCount = 0;
  nonZeroCount = 0;
  private operationCount = 0;
  private areSpikes = true;
  private areWhole = true;
  /** Weights that are not zero, by column. [cols] */
  private readonly fanOut: Float64Array;

  constructor(map: MapAccount, model: Model) {
    this.map = map;
    this.fanOut = fanOutOf(map, model);
  }

  /** Inputs are counts of a bin, as they came, and one was above 1. */
  get hasWholeCounts(): boolean {
    return this.map.inputs === 'counts' && this.areWhole;
  }

  add(x: Float32Array): void {
    const isEvents = this.map.inputs === 'spikes';
    this.inputCount += x.length;
    for (let i = 0; i < x.length; i++) {
      const value = x[i];
      if (value === 0) continue;
      this.nonZeroCount++;
      this.operationCount += (isEvents ? value : 1) * this.fanOut[i];
      if (Math.abs(value) !== 1) this.areSpikes = false;
      if (!Number.isInteger(value)) this.areWhole = false;
    }
  }

  operations(binCount: number): MapOperations {
    const { map } = this;
    if (map.inputs === 'history') {
      const effectiveOperations = this.fanOut.reduce((sum, count) => sum + count, 0);
      return { ...map, effectiveOperations, operation: 'MAC', inputDensity: 1 };
    }
    return {
      ...map,
      effectiveOperations: this.operationCount / binCount,
      operation: map.inputs === 'spikes' || this.areSpikes ? 'AC' : 'MAC',
      inputDensity: this.nonZeroCount / this.inputCount,
    };
  }
}

/** Weights that are no tensor are taken as not zero. Channels to ignore have no weights. */
function fanOutOf({ name, rows, cols, inputs }: MapAccount, model: Model): Float64Array {
  const fanOut = new Float64Array(cols);
  if (Object.hasOwn(model.tensors, name)) {
    model.tensors[name].data.forEach((w, i) => {
      if (w !== 0) fanOut[i % cols]++;
    });
  } else {
    fanOut.fill(rows);
  }
  if (inputs !== 'counts') return fanOut;
  return fanOut.map((count, channel) => (model.normalisation.featureScale[channel] === 0 ? 0 : count));
}

function isActivation({ inputs }: MapAccount): boolean {
  return inputs === 'activations' || inputs === 'spikes';
}

function sparsityOf(tallies: readonly MapTally[]): number {
  const all = tallies.reduce((sum, { inputCount }) => sum + inputCount, 0);
  const nonZero = tallies.reduce((sum, { nonZeroCount }) => sum + nonZeroCount, 0);
  return all === 0 ? 0 : (all - nonZero) / all;
}
