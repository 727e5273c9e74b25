/**
 * What one step of a decoder computes, as its kind declares it: the matrices that it multiplies with (`maps`), and the
 * arithmetic beside them (`stateUpdates`), which NeuroBench's counts of synaptic operations leave out, save for a GRU
 * cell's gates. The first is also the list of what an int8 model stores in int8, but for convolutions and maps of spikes.
 */

/** A matrix that a step multiplies its inputs with. */
export interface MapAccount {
  /** The weight tensor; of a map that is computed from several tensors, a name of its own. */
  name: string;
  rows: number;
  cols: number;
  /**
   * What goes in. 'counts': the features of a bin; 'spikes': events, listed by the neurons that fired; 'activations': what
   * an activation function gave (relu, silu, gelu, tanh by itself), which may be zero; 'history': for each row the last
   * `cols` values of its own channel (a depthwise convolution); 'real': anything else, such as a GRU's mixed state.
   */
  inputs: 'counts' | 'spikes' | 'activations' | 'history' | 'real';
}

/** Scalar operations of a step beside its maps. */
export interface ScalarOperations {
  multiplications: number;
  /** Subtractions and maxima too. */
  additions: number;
  /** Exponentials, sigmoids, tangents, gelus, roots, divisions and the like: one each. */
  functions: number;
}

/** Those of one part of a step. */
export interface StateUpdate extends ScalarOperations {
  name: string;
}

export interface StepAccount {
  /** In the order in which they are used. */
  maps: readonly MapAccount[];
  stateUpdates: readonly StateUpdate[];
}

/** Multiplications with a weight in a step, zeros included: `Dense` of NeuroBench's synaptic operations. */
export function denseOperations({ maps }: StepAccount): number {
  return maps.reduce((sum, { rows, cols }) => sum + rows * cols, 0);
}

export function stateUpdateTotal({ stateUpdates }: StepAccount): ScalarOperations {
  const total = (count: (update: StateUpdate) => number): number =>
    stateUpdates.reduce((sum, update) => sum + count(update), 0);
  return {
    multiplications: total(({ multiplications }) => multiplications),
    additions: total(({ additions }) => additions),
    functions: total(({ functions }) => functions),
  };
}

/** Norms of `count` vectors of `width`: x / root of the mean square * gain. */
export function rmsNormUpdate(name: string, count: number, width: number): StateUpdate {
  return {
    name,
    multiplications: count * (3 * width + 1),
    additions: count * (width + 1),
    functions: 2 * count,
  };
}

/**
 * Norms of `count` vectors of `width`: mean, variance, and (x - mean) / deviation * gain + bias. The reciprocal of the
 * deviation is taken once per vector.
 */
export function layerNormUpdate(name: string, count: number, width: number): StateUpdate {
  return {
    name,
    multiplications: count * (3 * width + 2),
    additions: count * (4 * width + 1),
    functions: 2 * count,
  };
}
