/** Files for the commands to work on: small recordings, models, and damaged ones of both. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import { fitWiener } from '../../src/calibration/closed-form-wiener.ts';
import { splitBins } from '../../src/calibration/splits.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import { wiener } from '../../src/decoders/wiener/index.ts';
import { writeModelFile } from '../../src/host/model-store.ts';
import type { MatlabArray } from '../../src/recording/matlab-array.ts';
import { untrainedFor } from './decoder-models.ts';
import { linearRecording } from './linear-recording.ts';
import { doubles, writeMat } from './recording-mat-writer.ts';

export const SMALL = { binCount: 1500, channelCount: 12, seed: 3 };

/** A recording as MATLAB variables, hand position included; every segment after the first begins with a join. */
function matVariables(recording: BinnedRecording): Record<string, MatlabArray> {
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

/** For the same: any calibration is better. */
export function writeUntrainedModel(path: string, { channelCount = 96 } = {}): void {
  writeModelFile(path, untrainedFor(simulateRecording({ seed: 1, channelCount }, 1, 20), 64));
}

/** Name of a file -> code of the error that any command has for it. The file of the first one is not there. */
export type DamagedFiles = Readonly<Record<string, string>>;

/** Writes a recording in every state of disrepair. */
export function writeDamagedRecordings(folder: string): DamagedFiles {
  const variables = matVariables(linearRecording(SMALL));
  const { spikes, handVel, handPos, ...incomplete } = variables;
  if (spikes.kind !== 'numeric' || handVel.kind !== 'numeric') throw new Error('no numbers to damage');
  const whole = writeMat(variables);
  const ofVersion = Uint8Array.from(whole);
  ofVersion.set([0x00, 0x02], 124); // 7.3, little-endian
  const withNaN = Float64Array.from(handVel.values, Number);
  withNaN[7] = Number.NaN;
  mkdirSync(join(folder, 'folder.mat'));
  const files: Record<string, Uint8Array | string> = {
    'empty.mat': '',
    'truncated.mat': whole.subarray(0, whole.length - 100),
    'version.mat': ofVersion,
    'text.mat': 'spikes,velocity\n1,0.5\n',
    'letters.mat': writeMat({ ...variables, spikes: { kind: 'char', dims: [1, 3], rows: ['abc'] } }),
    'incomplete.mat': writeMat({ ...incomplete, position: handPos }),
    'nan.mat': writeMat({ ...variables, handVel: { ...handVel, values: withNaN } }),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return {
    'absent.mat': 'LOG_FILE_MISSING',
    'folder.mat': 'LOG_FILE_IS_DIRECTORY',
    'empty.mat': 'LOG_FILE_EMPTY',
    'truncated.mat': 'LOG_MAT_TRUNCATED',
    'version.mat': 'LOG_MAT_VERSION',
    'text.mat': 'LOG_FORMAT_UNKNOWN',
    'letters.mat': 'LOG_VARIABLE_TYPE',
    'incomplete.mat': 'LOG_LAYOUT_UNKNOWN',
    'nan.mat': 'LOG_VALUE_INVALID',
  };
}

/** The same of a model file that is whole. */
export function writeDamagedModels(folder: string, wholePath: string): DamagedFiles {
  const whole = readFileSync(wholePath);
  const version = Buffer.from(whole);
  version[whole.indexOf('"format_version":"1"') + '"format_version":"'.length] = '2'.charCodeAt(0);
  const nan = Buffer.from(whole);
  nan.writeFloatLE(Number.NaN, whole.length - 4);
  mkdirSync(join(folder, 'folder.model'));
  const files: Record<string, Uint8Array | string> = {
    'empty.model': '',
    'truncated.model': whole.subarray(0, whole.length - 100),
    'version.model': version,
    'text.model': 'Not a model at all, but long enough to hold the size of a header.',
    'nan.model': nan,
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return {
    'absent.model': 'DEC_MODEL_FILE_MISSING',
    'folder.model': 'DEC_MODEL_FILE_UNREADABLE',
    'empty.model': 'DEC_MODEL_TRUNCATED',
    'truncated.model': 'DEC_MODEL_TRUNCATED',
    'version.model': 'DEC_MODEL_VERSION_UNSUPPORTED',
    'text.model': 'DEC_MODEL_FORMAT_UNKNOWN',
    'nan.model': 'DEC_MODEL_VALUE_NOT_FINITE',
  };
}
