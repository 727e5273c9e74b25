/**
 * What any recording reader fills, and what calibration and replay use. Bytes and formats stay in `recording/`;
 * these types are plain data, so that the pure folders can take them as arguments.
 */
export interface ChannelInfo {
  label: string;
  /** Unit of one sample: 'count' for spike counts, 'uV' for voltage. */
  unit: string;
}

/** A behavioural signal: what the decoder learns to predict, or the position of a cursor, a target, ... */
export interface BehaviourSignal {
  /** Field's name in camelCase: 'handVelocity', 'handPosition', 'targetPosition'. */
  name: string;
  /** One label per dimension, e.g. ['x', 'y']. */
  labels: readonly string[];
  /** e.g. 'm/s'. */
  unit: string;
  /**
   * What a decoder made of these very spikes while they were recorded. It is a function of them, so decoding it says
   * nothing: never the target that is taken where none is named.
   */
  isDecoded?: true;
  /** Sample times in seconds from the recording's start, increasing. [count] */
  timesS: Float64Array;
  /** [count x labels.length], row-major. */
  values: Float32Array;
}

export interface Trial {
  startS: number;
  endS: number;
  /** From when on the person could move, where a trial begins with a hold; else absent. */
  movementS?: number;
  /** Target position in the behaviour's unit of length, where the task has one. */
  target?: readonly number[];
  /** What kind of trial it is, in the recording's own words. */
  label?: string;
}

export type SpikeData =
  | {
      kind: 'counts';
      binMs: number;
      binCount: number;
      /** [binCount x channels.length], row-major. */
      values: Float32Array;
    }
  | {
      kind: 'times';
      durationS: number;
      /** Per channel: spike times in seconds from the start, increasing. */
      timesS: readonly Float64Array[];
    };

export interface Recording {
  name: string;
  channels: readonly ChannelInfo[];
  spikes: SpikeData;
  behaviour: readonly BehaviourSignal[];
  trials: readonly Trial[];
  /**
   * Times in seconds where data that were not continuous in time were put together. State is not carried, and
   * nothing is differentiated or smoothed, across a join.
   */
  joinsS: readonly number[];
}

/** Consecutive bins without a join inside: [startBin, endBin). */
export interface Segment {
  startBin: number;
  endBin: number;
}

/** The signal to predict, one row per bin. */
export interface BinnedTarget {
  name: string;
  labels: readonly string[];
  unit: string;
  /** [binCount x labels.length], row-major. */
  values: Float32Array;
}

/** A recording cut into bins: features beside the behaviour to predict. All values are finite. */
export interface BinnedRecording {
  name: string;
  binMs: number;
  binCount: number;
  channels: readonly ChannelInfo[];
  /** Raw spike counts, [binCount x channels.length], row-major. */
  features: Float32Array;
  target: BinnedTarget;
  /** How long after its bin the target was; absent: in the bin itself. */
  lagMs?: number;
  /** In time order, covering every bin. */
  segments: readonly Segment[];
}
