/**
 * The maps of a streaming step, y = W x + b: weights packed once, everything at a fixed place. A decoder makes them here and
 * nowhere else, so that an int8 model and a run that counts operations need nothing of the kinds.
 */
import type { Kernels } from '../../kernels/kernels.ts';
import type { Model } from '../decoder.ts';
import { Float32Map } from './float32-map.ts';
import { Int8Map, ScaledInputMap } from './int8-map.ts';
import { WatchedMap } from './watched-map.ts';

export interface AffineMap {
  readonly rows: number;
  readonly cols: number;
  /** Where y stands, [rows] and padding. */
  readonly outputPtr: number;
  /** @param xPtr [cols] */
  apply(xPtr: number): void;
  /** The same, and zeros in x cost nothing. @param xPtr [cols] */
  applySparse(xPtr: number): void;
}

/** A map of a model as it is. @param biasName undefined: no bias */
export function denseMap(kernels: Kernels, model: Model, weightName: string, biasName?: string): AffineMap {
  const { data, shape, int8 } = model.tensors[weightName];
  const bias = biasOf(model, shape[0], biasName);
  const map = int8 === undefined ? new Float32Map(kernels, data, bias) : new Int8Map(kernels, int8, bias);
  return watched(kernels, weightName, map);
}

/**
 * A decoder's first map, from raw features: with normalised features (x - mean) scale, W (x - mean) scale + b is
 * (W scale) x + (b - (W scale) mean), so raw counts go in and channels without a spike cost nothing (`applySparse`).
 */
export function inputMap(kernels: Kernels, model: Model, weightName: string, biasName?: string): AffineMap {
  const { featureMean, featureScale } = model.normalisation;
  const { data, shape, int8 } = model.tensors[weightName];
  const cols = shape[1];
  const folded = Float32Array.from(data, (w, i) => w * featureScale[i % cols]);
  const offsets = Float32Array.from(biasOf(model, shape[0], biasName), (b, row) => {
    let offset = b;
    for (let i = 0; i < cols; i++) offset -= folded[row * cols + i] * featureMean[i];
    return offset;
  });
  const map =
    int8 === undefined
      ? new Float32Map(kernels, folded, offsets)
      : new ScaledInputMap(kernels, int8, offsets, featureScale);
  return watched(kernels, weightName, map);
}

/** A decoder's last map, to outputs in the model's unit: rows scaled, means added. */
export function outputMap(kernels: Kernels, model: Model, weightName: string, biasName?: string): AffineMap {
  const { outputMean, outputScale } = model.normalisation;
  const { data, shape, int8 } = model.tensors[weightName];
  const cols = shape[1];
  const bias = Float32Array.from(
    biasOf(model, shape[0], biasName),
    (b, row) => b * outputScale[row] + outputMean[row],
  );
  const map =
    int8 === undefined
      ? new Float32Map(
          kernels,
          Float32Array.from(data, (w, i) => w * outputScale[Math.floor(i / cols)]),
          bias,
        )
      : new Int8Map(
          kernels,
          { values: int8.values, scales: int8.scales.map((scale, row) => scale * outputScale[row]) },
          bias,
        );
  return watched(kernels, weightName, map);
}

/** Tells the kernels' listener, if there is one, of every input of the map. */
export function watched(kernels: Kernels, name: string, map: AffineMap): AffineMap {
  const { onMapInput, arena } = kernels;
  return onMapInput === undefined ? map : new WatchedMap(map, name, arena, onMapInput);
}

function biasOf(model: Model, rows: number, name: string | undefined): Float32Array {
  return name === undefined ? new Float32Array(rows) : model.tensors[name].data;
}
