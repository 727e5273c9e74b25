/** A stretch of the simulation as a recording: what `betz run` calibrates on when it is given nothing else. */
import { BetzError } from '../../core/errors.ts';
import type { BinnedRecording, ChannelInfo } from '../../core/recording.ts';
import { parseSourceConfig } from '../source-config.ts';
import { FRAME_RATE_HZ, simulatedArrayConfig } from './array-config.ts';
import type { SimulatedArrayOptions } from './array-config.ts';
import { SimulatedArray, TRUTH_COUNT } from './simulated-array.ts';

export const HAND_VELOCITY = { name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' } as const;

/** A limit, so that a slip of the hand does not fill the memory: eight hours of 96 channels in bins of 20 ms are 0.6 GB. */
const VALUES_MAX = 2 ** 28;

export function simulatedChannels(channelCount: number): ChannelInfo[] {
  return Array.from({ length: channelCount }, (_, i) => ({ label: `electrode ${i + 1}`, unit: 'count' }));
}

/** The frame at which `seconds` of simulation end, and the next stretch begins: a live source starts here. */
export function frameAfter(seconds: number): number {
  return Math.ceil(seconds * FRAME_RATE_HZ);
}

/**
 * Frames [startFrame, startFrame + seconds) in bins: counts are summed and the hand velocity is averaged over each bin's
 * frames, as the streaming binning does. A last bin that is not whole is left out.
 *
 * @param binMs a whole number of milliseconds, because frames are 1 ms long
 * @throws BetzError CFG_SOURCE_CONFIG, CFG_SIMULATION_BIN_WIDTH, CFG_SIMULATION_LENGTH
 */
export function simulateRecording(
  options: SimulatedArrayOptions,
  seconds: number,
  binMs: number,
  startFrame = 0,
): BinnedRecording {
  const config = parseSourceConfig(simulatedArrayConfig, options, 'the simulated array');
  const { channelCount, seed, day } = config;
  const framesPerBin = (binMs * FRAME_RATE_HZ) / 1000;
  if (!Number.isInteger(framesPerBin) || framesPerBin < 1) {
    throw new BetzError('CFG_SIMULATION_BIN_WIDTH', `${binMs} ms is no whole number of simulated frames`, {
      value: binMs,
      tip: 'The simulated array counts spikes per millisecond: give a whole number of milliseconds, for example 20.',
    });
  }
  const binCount = Math.floor((seconds * FRAME_RATE_HZ) / framesPerBin);
  if (!(binCount >= 1 && binCount * channelCount <= VALUES_MAX)) {
    throw new BetzError('CFG_SIMULATION_LENGTH', `${seconds} s cannot be simulated as a recording`, {
      value: seconds,
      tip: `Give at least one bin (${binMs} ms) and at most ${Math.floor((VALUES_MAX / channelCount / 1000) * binMs)} s.`,
    });
  }
  const array = new SimulatedArray(config, startFrame);
  const features = new Float32Array(binCount * channelCount);
  const velocity = new Float32Array(binCount * TRUTH_COUNT);
  const samples = new Float32Array(framesPerBin * channelCount);
  const truth = new Float32Array(framesPerBin * TRUTH_COUNT);
  for (let bin = 0; bin < binCount; bin++) {
    array.read(framesPerBin, samples, truth);
    foldRows(samples, channelCount, 1, features, bin);
    foldRows(truth, TRUTH_COUNT, framesPerBin, velocity, bin);
  }
  return {
    name: `simulated array, seed ${seed}, day ${day}`,
    binMs,
    binCount,
    channels: simulatedChannels(channelCount),
    features,
    target: { ...HAND_VELOCITY, values: velocity },
    segments: [{ startBin: 0, endBin: binCount }],
  };
}

/** folded[row] = the sum of all rows, over the divisor; in float64 until it is stored, as in the streaming binning. */
function foldRows(
  rows: Float32Array,
  columnCount: number,
  divisor: number,
  folded: Float32Array,
  row: number,
): void {
  const at = row * columnCount;
  for (let column = 0; column < columnCount; column++) {
    let sum = 0;
    for (let i = column; i < rows.length; i += columnCount) sum += rows[i];
    folded[at + column] = sum / divisor;
  }
}
