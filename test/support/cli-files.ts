/** Files for the commands to work on: small recordings, models, and damaged ones of both. */
import { writeFileSync } from 'node:fs';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import { fitWiener } from '../../src/calibration/closed-form-wiener.ts';
import { splitBins } from '../../src/calibration/splits.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import { wiener } from '../../src/decoders/wiener/index.ts';
import { writeModelFile } from '../../src/host/model-store.ts';
import type { MatlabArray } from '../../src/recording/matlab-array.ts';
import { linearRecording } from './linear-recording.ts';
import { doubles, writeMat } from './recording-mat-writer.ts';

export const SMALL = { binCount: 1500, channelCount: 12, seed: 3 };

/** A recording as MATLAB variables, hand position included; every segment after the first begins with a join. */
export function matVariables(recording: BinnedRecording): Record<string, MatlabArray> {
  const { binCount, channels, features, target, segments } = recording;
  const binS = recording.binMs / 1000;
  const joins = new Set(segments.map(({ startBin }) => startBin));
  const position = new Float64Array(2 * binCount);
  const time = new Float64Array(binCount);
  for (let bin = 1; bin < binCount; bin++) {
    time[bin] = time[bin - 1] + (joins.has(bin) ? 10 : binS);
    for (let axis = 0; axis < 2; axis++) {
      position[2 * bin + axis] = position[2 * (bin - 1) + axis] + binS * target.values[2 * bin + axis];
    }
  }
  return {
    spikes: doubles([channels.length, binCount], features), // row-major [bins x units] is column-major [units x bins]
    timeBase: doubles([1, 1], [binS]),
    time: doubles([1, binCount], time),
    handVel: doubles([2, binCount], target.values),
    handPos: doubles([2, binCount], position),
  };
}

/** A MATLAB file with 75 s of made-up spikes that a decoder can learn from, in two pieces. */
export function writeSmallRecording(path: string, changes: Partial<typeof SMALL> = {}): BinnedRecording {
  const options = { ...SMALL, ...changes };
  const join = Math.floor(options.binCount / 3);
  const recording = linearRecording({
    ...options,
    leadBins: 1,
    segments: [
      { startBin: 0, endBin: join },
      { startBin: join, endBin: options.binCount },
    ],
  });
  writeFileSync(path, writeMat(matVariables(recording)));
  return recording;
}

/** A Wiener filter for the simulated array of `betz run`. */
export function writeSimulatedModel(path: string, { channelCount = 96, binMs = 20 } = {}): void {
  const recording = simulateRecording({ seed: 1, channelCount }, 30, binMs);
  const { model } = fitWiener(recording, splitBins(recording.binCount));
  const { smoothing, ...fitted } = model;
  const { name, labels, unit } = recording.target;
  writeModelFile(path, {
    ...fitted,
    kind: wiener.name,
    features: { name: 'spikeCounts', smoothing, channelLabels: recording.channels.map(({ label }) => label) },
    output: { name, labels, unit },
    binMs,
    provenance: {},
  });
}
