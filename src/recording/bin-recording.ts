/** Cuts a recording into bins: spike counts beside the behaviour to predict. */
import { BetzError } from '../core/errors.ts';
import type { BehaviourSignal, BinnedRecording, Recording, SpikeData } from '../core/recording.ts';
import { sampleBehaviour } from './behaviour-sampling.ts';
import { EDGE_TOLERANCE_S, makeBinGrid, wholeSteps } from './bin-grid.ts';
import type { BinGrid } from './bin-grid.ts';
import { lagBehaviour } from './neural-lag.ts';

/** The bin width where a recording of spike times does not ask for another. */
const DEFAULT_BIN_MS = 20;

export interface BinningOptions {
  /** The behaviour to predict. Default: the first that is a velocity. */
  targetName?: string;
  /**
   * Default: that of a recording of counts, else 20. A recording of counts can only be brought to a whole
   * multiple of its own width; the counts are then summed.
   */
  binMs?: number;
  /** Pairs each bin with the behaviour so much later (neural-lag.ts). Default: 0. */
  lagMs?: number;
}

/**
 * A spike on the edge between two bins counts for the later one: bins are [start, end). Bins never reach across a
 * join; a last bin that is not whole is dropped, at each join and at the end.
 *
 * Throws LOG_BIN_WIDTH, LOG_TARGET_UNKNOWN, LOG_RECORDING_TOO_SHORT, LOG_VALUE_INVALID, LOG_BEHAVIOUR_GAP,
 * LOG_LAG_TOO_LONG.
 */
export function binRecording(recording: Recording, options: BinningOptions = {}): BinnedRecording {
  const { name, channels, spikes } = recording;
  const signal = chooseTarget(recording, options.targetName);
  const binMs = chooseBinMs(spikes, options.binMs);
  const grid = makeGrid(recording, binMs);
  const features =
    spikes.kind === 'counts'
      ? sumCounts(spikes, channels.length, grid, Math.round(binMs / spikes.binMs))
      : countTimes(spikes, grid);
  const values = sampleBehaviour(signal, grid);
  const binned: BinnedRecording = {
    name,
    binMs,
    binCount: grid.binCount,
    channels,
    features,
    target: { name: signal.name, labels: signal.labels, unit: signal.unit, values },
    segments: grid.segments.map(({ startBin, endBin }) => ({ startBin, endBin })),
  };
  return lagBehaviour(binned, options.lagMs ?? 0);
}

function chooseTarget(recording: Recording, targetName: string | undefined): BehaviourSignal {
  const { behaviour, name } = recording;
  const signal =
    targetName === undefined
      ? behaviour.find(isVelocity)
      : behaviour.find((each) => each.name === targetName);
  if (signal !== undefined) return signal;
  const names = behaviour.map((each) => each.name).join(', ');
  throw new BetzError(
    'LOG_TARGET_UNKNOWN',
    targetName === undefined
      ? `the recording '${name}' has no velocity to predict`
      : `the recording '${name}' has no behaviour called '${targetName}'`,
    {
      value: targetName,
      tip: names === '' ? 'The recording has no behaviour at all.' : `Choose the target from: ${names}.`,
    },
  );
}

function isVelocity({ name, unit, isDecoded }: BehaviourSignal): boolean {
  return isDecoded !== true && (/velocity/i.test(name) || unit.endsWith('/s'));
}

function chooseBinMs(spikes: SpikeData, asked: number | undefined): number {
  const binMs = asked ?? (spikes.kind === 'counts' ? spikes.binMs : DEFAULT_BIN_MS);
  if (!(binMs > 0 && Number.isFinite(binMs))) {
    throw new BetzError('LOG_BIN_WIDTH', `${binMs} ms is no bin width`, {
      value: binMs,
      tip: 'Give the bin width in milliseconds, e.g. 20.',
    });
  }
  if (spikes.kind === 'times') return binMs;
  const multiple = binMs / spikes.binMs;
  if (Math.round(multiple) >= 1 && Math.abs(multiple - Math.round(multiple)) < 1e-6) return binMs;
  throw new BetzError(
    'LOG_BIN_WIDTH',
    `the recording holds counts in bins of ${spikes.binMs} ms, which cannot be made into bins of ${binMs} ms`,
    { value: binMs, tip: `Use ${spikes.binMs} ms or a whole multiple of it.` },
  );
}

function makeGrid(recording: Recording, binMs: number): BinGrid {
  const { spikes, joinsS } = recording;
  const binS = binMs / 1000;
  const alignS = spikes.kind === 'counts' ? spikes.binMs / 1000 : 0;
  const durationS = spikes.kind === 'counts' ? spikes.binCount * alignS : spikes.durationS;
  const grid = makeBinGrid(durationS, joinsS, binS, alignS);
  if (grid.binCount > 0) return grid;
  const roundedS = Math.round(durationS * 1000) / 1000; // a sum of bins, or a spike time
  throw new BetzError(
    'LOG_RECORDING_TOO_SHORT',
    `the recording '${recording.name}' lasts ${roundedS} s with ${joinsS.length} joins: too short for one bin`,
    { value: roundedS, tip: 'Use a longer recording or a smaller bin width.' },
  );
}

function sumCounts(
  spikes: Extract<SpikeData, { kind: 'counts' }>,
  channelCount: number,
  grid: BinGrid,
  multiple: number,
): Float32Array {
  const features = new Float32Array(grid.binCount * channelCount);
  for (const segment of grid.segments) {
    const firstRow = Math.round((segment.startS * 1000) / spikes.binMs);
    const rowCount = (segment.endBin - segment.startBin) * multiple;
    for (let row = 0; row < rowCount; row++) {
      const from = (firstRow + row) * channelCount;
      const to = (segment.startBin + Math.floor(row / multiple)) * channelCount;
      for (let channel = 0; channel < channelCount; channel++) {
        const count = spikes.values[from + channel];
        if (!(count >= 0 && count < Infinity)) {
          throw invalid(`bin ${firstRow + row} of channel ${channel} = ${count}`, 'count');
        }
        features[to + channel] += count;
      }
    }
  }
  return features;
}

function countTimes(spikes: Extract<SpikeData, { kind: 'times' }>, grid: BinGrid): Float32Array {
  const channelCount = spikes.timesS.length;
  const features = new Float32Array(grid.binCount * channelCount);
  spikes.timesS.forEach((timesS, channel) => {
    let index = 0; // of the last segment that begins before the spike
    for (let i = 0; i < timesS.length; i++) {
      const timeS = timesS[i];
      const isInOrder = i === 0 ? timeS >= 0 : timeS >= timesS[i - 1];
      if (!isInOrder || !(timeS <= spikes.durationS + EDGE_TOLERANCE_S)) {
        throw invalid(`spike ${i} of channel ${channel} = ${timeS} s`, 'spike time');
      }
      while (index + 1 < grid.segments.length && grid.segments[index + 1].startS - EDGE_TOLERANCE_S <= timeS)
        index++;
      const { startS, startBin, endBin } = grid.segments[index];
      const bin = startBin + wholeSteps(timeS - startS, grid.binS);
      // Spikes outside whole bins (the rest of a segment, or before the first whole segment) are not counted.
      if (bin >= startBin && bin < endBin) features[bin * channelCount + channel]++;
    }
  });
  return features;
}

function invalid(place: string, what: string): BetzError {
  return new BetzError('LOG_VALUE_INVALID', `the recording has a value that is no ${what}: ${place}`, {
    value: place,
    tip: 'Counts are finite and not negative; spike times are in order and inside the recording.',
  });
}
