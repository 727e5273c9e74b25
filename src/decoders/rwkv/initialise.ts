/**
 * Initial tensors as the authors' RWKV-4 training code has them, with p = block / (L - 1) (0 for one block), q = 1 - block / L:
 *   time_decay_i = -5 + 8 (i / (d - 1))^(0.7 + 1.3 p)           from slow channels to fast ones
 *   time_first_i = log 0.3 + 0.5 ((i + 1) mod 3 - 1)            a zigzag
 *   time mixing:    mu_k = (i / d)^q,  mu_v = (i / d)^q + 0.3 p,  mu_r = (i / d)^(q / 2);   channel mixing: mu_k = mu_r = (i / d)^q
 *   matrices: orthogonal, gain sqrt(rows / columns) where there are more rows, for att.value and ffn.key; zero for the others, so
 *   that a block first passes the stream on as it is. Norms: gain 1, bias 0.
 * The maps that are ours are PyTorch's Linear, uniform in +-1/sqrt(columns): the norm after the embedding takes its scale away.
 */
import type { Rng } from '../../core/rng.ts';
import type { DecoderShape, TensorData, Tensors } from '../decoder.ts';
import { blockNames, rwkvParameters } from './rwkv.ts';
import type { RwkvConfig } from './rwkv.ts';

/** Gives a tensor's numbers, row-major. */
type Fill = (shape: readonly number[], rng: Rng) => Float32Array;

export function initialiseRwkv(config: RwkvConfig, shape: DecoderShape, rng: Rng): Tensors {
  const fills = new Map<string, Fill>([
    ['embedding.weight', uniform(shape.inputCount)],
    ['embedding.bias', uniform(shape.inputCount)],
    ['readout.weight', uniform(config.width)],
    ['readout.bias', uniform(config.width)],
  ]);
  for (let block = 0; block < config.layerCount; block++) addBlock(fills, config, block);
  const tensors: Record<string, TensorData> = {};
  for (const { name, shape: size } of rwkvParameters(config, shape)) {
    const isGain = size.length === 1 && name.endsWith('.weight');
    const fill = fills.get(name) ?? curve(() => (isGain ? 1 : 0));
    tensors[name] = { shape: size, data: fill(size, rng) };
  }
  return tensors;
}

/** What of a block is not one (gains) or zero. */
function addBlock(fills: Map<string, Fill>, { width: d, layerCount }: RwkvConfig, block: number): void {
  const { att, ffn } = blockNames(block);
  const p = block / Math.max(1, layerCount - 1);
  const q = 1 - block / layerCount;
  const share = (exponent: number, more = 0): Fill => curve((i) => (i / d) ** exponent + more);
  fills.set(
    att.decay,
    curve((i) => -5 + 8 * (i / (d - 1)) ** (0.7 + 1.3 * p)),
  );
  fills.set(
    att.first,
    curve((i) => Math.log(0.3) + 0.5 * (((i + 1) % 3) - 1)),
  );
  fills.set(att.mixK, share(q));
  fills.set(att.mixV, share(q, 0.3 * p));
  fills.set(att.mixR, share(q / 2));
  fills.set(ffn.mixK, share(q));
  fills.set(ffn.mixR, share(q));
  fills.set(att.value, orthogonal);
  fills.set(ffn.key, orthogonal);
}

function curve(value: (index: number) => number): Fill {
  return (shape) => Float32Array.from({ length: countOf(shape) }, (_, i) => value(i));
}

function uniform(columnCount: number): Fill {
  const bound = 1 / Math.sqrt(columnCount);
  return (shape, rng) => Float32Array.from({ length: countOf(shape) }, () => rng.uniform(-bound, bound));
}

function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Rows, or columns where there are more rows, orthogonal and of length 1, times the gain (Saxe et al. 2014, arXiv 1312.6120):
 * normal numbers, each vector freed of the earlier ones (Gram-Schmidt, twice against rounding).
 */
function orthogonal([rows, columns]: readonly number[], rng: Rng): Float32Array {
  const isTall = rows > columns;
  const [vectorCount, length] = isTall ? [columns, rows] : [rows, columns];
  const vectors: Float64Array[] = [];
  for (let n = 0; n < vectorCount; n++) {
    const vector = Float64Array.from({ length }, () => rng.normal());
    for (const earlier of [...vectors, ...vectors]) {
      const overlap = dot(vector, earlier);
      for (let i = 0; i < length; i++) vector[i] -= overlap * earlier[i];
    }
    const scale = 1 / Math.sqrt(dot(vector, vector));
    vectors.push(vector.map((value) => value * scale));
  }
  const gain = isTall ? Math.sqrt(rows / columns) : 1;
  return Float32Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    return gain * (isTall ? vectors[column][row] : vectors[row][column]);
  });
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
