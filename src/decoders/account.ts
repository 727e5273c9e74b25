/**
 * What one step of a decoder computes, as its kind declares it: the matrices that it multiplies with (`maps`), and the
 * arithmetic beside them (`stateUpdates`), which NeuroBench's counts of synaptic operations leave out. The first is also the list
 * of what an int8 model stores in int8, convolutions excepted.
 */

/** A matrix that a step multiplies its inputs with. */
export interface MapAccount {
  /** The tensor that it comes from. */
  name: string;
  rows: number;
  cols: number;
  /**
   * What goes in. 'counts': the features of a bin; 'spikes': events, listed by the neurons that fired; 'activations': what
   * an activation function gave, which may be zero; 'history': for each row the last `cols` values of its own channel (a
   * depthwise convolution); 'real': anything else.
   */
  inputs: 'counts' | 'spikes' | 'activations' | 'history' | 'real';
}

/** Scalar operations of one part of a step. */
export interface StateUpdate {
  name: string;
  multiplications: number;
  /** Subtractions and maxima too. */
  additions: number;
  /** Exponentials, sigmoids, tangents, gelus, roots, divisions and the like: one each. */
  functions: number;
}

export interface StepAccount {
  /** In the order in which they are used. */
  maps: readonly MapAccount[];
  stateUpdates: readonly StateUpdate[];
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
