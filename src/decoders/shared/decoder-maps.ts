/**
 * The maps of a streaming step, y = W x + b: weights packed once, everything at a fixed place. A decoder whose weights are tensors makes them here and
 * nowhere else, so that an int8 model and a run that counts operations need nothing of the kinds.
 */
import type { Kernels } from '../../kernels/kernels.ts';
import type { Model } from '../decoder.ts';
import type { AffineMap } from './affine-map.ts';
import type { EventMap } from './event-map.ts';
import { Float32Map } from './float32-map.ts';
import { biasOf, foldInput, foldOutput } from './folded-maps.ts';
import { Int8Map, ScaledInputMap } from './int8-map.ts';
import { SpikeMap } from './spike-map.ts';
import { WatchedMap } from './watched-map.ts';
import { WatchedSpikeMap } from './watched-spike-map.ts';

/** A map of a model as it is. @param biasName undefined: no bias */
export function denseMap(kernels: Kernels, model: Model, weightName: string, biasName?: string): AffineMap {
  const { data, shape, int8 } = model.tensors[weightName];
  const bias = biasOf(model, shape[0], biasName);
  const map = int8 === undefined ? new Float32Map(kernels, data, bias) : new Int8Map(kernels, int8, bias);
  return watched(kernels, weightName, map);
}

/** A decoder's first map, from raw features: channels without a spike cost nothing (`applySparse`). */
export function inputMap(kernels: Kernels, model: Model, weightName: string, biasName?: string): AffineMap {
  const { int8 } = model.tensors[weightName];
  const { weight, bias } = foldInput(model, weightName, biasName);
  const map =
    int8 === undefined
      ? new Float32Map(kernels, weight.data, bias.data)
      : new ScaledInputMap(kernels, int8, bias.data, model.normalisation.featureScale);
  return watched(kernels, weightName, map);
}

/** A decoder's last map, to outputs in the model's unit: rows scaled, means added. */
export function outputMap(kernels: Kernels, model: Model, weightName: string, biasName?: string): AffineMap {
  const { int8 } = model.tensors[weightName];
  const { weight, bias } = foldOutput(model, weightName, biasName);
  if (int8 === undefined)
    return watched(kernels, weightName, new Float32Map(kernels, weight.data, bias.data));
  const scales = int8.scales.map((scale, row) => scale * model.normalisation.outputScale[row]);
  return watched(kernels, weightName, new Int8Map(kernels, { values: int8.values, scales }, bias.data));
}

/**
 * A map of events, which only adds columns of weights.
 * @param name of its weight tensor, for accounting
 * @param weight [rows x cols], row-major
 * @param bias [rows]
 */
export function spikeMap(
  kernels: Kernels,
  name: string,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
): EventMap {
  const { onMapInput, arena } = kernels;
  const map = new SpikeMap(kernels, weight, bias);
  return onMapInput === undefined ? map : new WatchedSpikeMap(map, name, arena, onMapInput);
}

/** Tells the kernels' listener, if there is one, of every input of the map. */
export function watched(kernels: Kernels, name: string, map: AffineMap): AffineMap {
  const { onMapInput, arena } = kernels;
  return onMapInput === undefined ? map : new WatchedMap(map, name, arena, onMapInput);
}
