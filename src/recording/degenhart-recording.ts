/**
 * The layout of the recordings beside Degenhart, Bishop et al. 2020 ("Stabilization of a brain-computer interface via the
 * alignment of low-dimensional spaces of neural activity", Nat Biomed Eng 4:672-685): trials of a centre-out task in
 * which a cursor was moved by decoded spikes. MATLAB variables, for a trial of n bins of 45 ms:
 *
 *   trialData (1 x trials), struct: binCounts (n x electrodes) counts, empty where a trial has none | decodedVl (n x 2)
 *   | refPos (n + 1 x 2), its first row may be NaN | tgtPos (2) | moveBin (1 x 1) 1-based bin | type, text
 *   goodElectrodes (1 x channels) 1-based columns of binCounts
 *
 * refPos(t) is the cursor that the person saw when bin t began, held on the centre until moveBin: the direction to the target
 * in bin t is taken from there.
 */
import { BetzError } from '../core/errors.ts';
import type { BehaviourSignal, Recording, Trial } from '../core/recording.ts';
import { elementCount, structField } from './matlab-array.ts';
import type { MatlabStruct } from './matlab-array.ts';
import {
  asVector,
  checkValues,
  realVector,
  shapeError,
  structArray,
  toRealMatrix,
} from './matlab-variables.ts';
import type { RealMatrix } from './matlab-variables.ts';
import type { MatlabFile } from './matlab-v5.ts';

/** The file does not say it; the paper's Methods do. */
const BIN_MS = 45;
const AXIS_COUNT = 2;

interface TrialRows {
  label: string;
  binCount: number;
  /** [binCount x electrodes] */
  counts: RealMatrix;
  /** [binCount x 2] at the start of each bin */
  cursor: Float64Array;
  /** [binCount x 2] */
  velocity: Float64Array;
  target: [number, number];
  /** 0-based */
  movementBin: number;
}

/**
 * Channels are the good electrodes only: the others hold two or three spikes in half an hour.
 * Throws LOG_VARIABLE_MISSING, LOG_VARIABLE_TYPE, LOG_VARIABLE_SHAPE, LOG_VALUE_INVALID, LOG_RECORDING_TOO_SHORT.
 */
export function readDegenhartRecording(file: MatlabFile, name: string): Recording {
  const data = structArray(file, 'trialData');
  const electrodes = realVector(file, 'goodElectrodes');
  const rows = Array.from({ length: elementCount(data.dims) }, (_, i) => readTrial(data, i)).filter(
    (trial) => trial !== undefined,
  );
  if (rows.length === 0) {
    throw new BetzError('LOG_RECORDING_TOO_SHORT', `no trial of the recording '${name}' has counts`, {
      value: 0,
      tip: 'Use a recording with trials that have binCounts.',
    });
  }
  const electrodeCount = Math.min(...rows.map(({ counts }) => counts.columnCount));
  const isElectrode = (v: number): boolean => Number.isInteger(v) && v >= 1 && v <= electrodeCount;
  checkValues(electrodes, isElectrode, `is not an electrode from 1 to ${electrodeCount}`);
  const binCount = rows.reduce((sum, trial) => sum + trial.binCount, 0);
  const binS = BIN_MS / 1000;
  const firstBins: number[] = [];
  rows.reduce((first, trial) => {
    firstBins.push(first);
    return first + trial.binCount;
  }, 0);
  return {
    name,
    channels: Array.from(electrodes.values, (number) => ({ label: electrodeLabel(number), unit: 'count' })),
    spikes: { kind: 'counts', binMs: BIN_MS, binCount, values: gatherCounts(rows, electrodes, binCount) },
    behaviour: readBehaviour(rows, binCount, binS),
    trials: rows.map(({ label, target, movementBin, binCount: length }, i): Trial => {
      const first = firstBins[i];
      return {
        startS: first * binS,
        movementS: (first + movementBin) * binS,
        endS: (first + length) * binS,
        target,
        label,
      };
    }),
    joinsS: firstBins.slice(1).map((bin) => bin * binS),
  };
}

/** Electrodes keep their number, as the recorded instability is told in it (recorded-instability.ts). */
export function electrodeLabel(number: number): string {
  return `electrode ${number}`;
}

/** Undefined where the trial has no counts. */
function readTrial(data: MatlabStruct, index: number): TrialRows | undefined {
  const place = (field: string): string => `trialData(${index + 1}).${field}`;
  const matrix = (field: string): RealMatrix => {
    const array = structField(data, field, index);
    if (array !== undefined) return toRealMatrix(place(field), array);
    throw new BetzError('LOG_VARIABLE_MISSING', `'trialData' has no field '${field}'`, {
      value: field,
      tip: `It holds: ${data.fieldNames.join(', ')}.`,
    });
  };
  const given = structField(data, 'binCounts', index);
  if (given?.kind === 'numeric' && given.values.length === 0) return undefined;

  const counts = matrix('binCounts');
  checkValues(counts, (v) => Number.isInteger(v) && v >= 0, 'is not a spike count');
  const binCount = counts.rowCount;
  const position = rowsOfTwo(matrix('refPos'), binCount + 1);
  // The cursor is held before it moves: where it was first seen is where it began.
  for (let axis = 0; axis < AXIS_COUNT; axis++) {
    const first = axis * position.rowCount;
    if (Number.isNaN(position.values[first])) position.values[first] = position.values[first + 1];
  }
  const velocity = rowsOfTwo(matrix('decodedVl'), binCount);
  const target = asVector(matrix('tgtPos'));
  if (target.columnCount !== AXIS_COUNT) throw shapeError(target, '1 x 2 (x, y)');
  for (const each of [position, velocity, target]) checkValues(each, Number.isFinite, 'is not finite');
  const moveBin = matrix('moveBin');
  if (moveBin.values.length !== 1) throw shapeError(moveBin, '1 x 1 (a bin)');
  const isBin = (v: number): boolean => Number.isInteger(v) && v >= 1 && v <= binCount;
  checkValues(moveBin, isBin, `is not a bin from 1 to ${binCount}`);
  const type = structField(data, 'type', index);
  if (type?.kind !== 'char' || type.rows.length !== 1) {
    throw new BetzError('LOG_VARIABLE_TYPE', `'${place('type')}' is not a line of text`, {
      value: type?.kind ?? 'missing',
      tip: "Save the kind of each trial as text, e.g. 'baselineEvaluation'.",
    });
  }
  return {
    label: type.rows[0],
    binCount,
    counts,
    cursor: rowMajor(position, binCount),
    velocity: rowMajor(velocity, binCount),
    target: [target.values[0], target.values[1]],
    movementBin: moveBin.values[0] - 1,
  };
}

/** A copy that may be changed. */
function rowsOfTwo(matrix: RealMatrix, rowCount: number): RealMatrix {
  if (matrix.rowCount !== rowCount || matrix.columnCount !== AXIS_COUNT)
    throw shapeError(matrix, `${rowCount} x 2 (x, y)`);
  return { ...matrix, values: matrix.values.slice() };
}

function rowMajor({ values, rowCount }: RealMatrix, rows: number): Float64Array {
  return Float64Array.from(
    { length: rows * AXIS_COUNT },
    (_, i) => values[Math.floor(i / AXIS_COUNT) + (i % AXIS_COUNT) * rowCount],
  );
}

function gatherCounts(rows: readonly TrialRows[], electrodes: RealMatrix, binCount: number): Float32Array {
  const channelCount = electrodes.columnCount;
  const values = new Float32Array(binCount * channelCount);
  let first = 0;
  for (const { counts } of rows) {
    electrodes.values.forEach((number, channel) => {
      const column = (number - 1) * counts.rowCount;
      for (let bin = 0; bin < counts.rowCount; bin++)
        values[(first + bin) * channelCount + channel] = counts.values[column + bin];
    });
    first += counts.rowCount;
  }
  return values;
}

function readBehaviour(rows: readonly TrialRows[], binCount: number, binS: number): BehaviourSignal[] {
  const timesS = Float64Array.from({ length: binCount }, (_, bin) => (bin + 0.5) * binS);
  const gather = (of: (trial: TrialRows) => ArrayLike<number>): Float32Array => {
    const values = new Float32Array(binCount * AXIS_COUNT);
    let first = 0;
    for (const trial of rows) {
      values.set(of(trial), first);
      first += trial.binCount * AXIS_COUNT;
    }
    return values;
  };
  const labels = ['x', 'y'];
  return [
    { name: 'targetDirection', labels, unit: '1', timesS, values: gather(directions) },
    { name: 'cursorPosition', labels, unit: 'mm', timesS, values: gather(({ cursor }) => cursor) },
    {
      name: 'decodedVelocity',
      labels,
      unit: 'mm/s',
      isDecoded: true,
      timesS,
      values: gather(({ velocity }) => velocity),
    },
  ];
}

/** The unit vector from the cursor towards the target; 0 on the target. */
function directions({ cursor, target, binCount }: TrialRows): Float64Array {
  const values = new Float64Array(binCount * AXIS_COUNT);
  for (let bin = 0; bin < binCount; bin++) {
    const x = target[0] - cursor[bin * 2];
    const y = target[1] - cursor[bin * 2 + 1];
    const length = Math.hypot(x, y);
    if (length > 0) values.set([x / length, y / length], bin * 2);
  }
  return values;
}
