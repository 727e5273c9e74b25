/**
 * The layout of StevensonV2.mat (Stevenson et al. 2011, "Statistical assessment of the stability of neural movement
 * representations", J Neurophysiol 106): spikes of many units already counted in bins, beside one row of hand
 * kinematics for each bin. MATLAB variables, for n bins:
 *
 *   spikes (units x n) counts | timeBase (1 x 1) s | handVel, handPos (2..3 x n) m/s, m
 *   time (1 x n) s, optional | target (like handPos) m, NaN where there is none, optional
 *   startBins (1 x trials) 1-based bins, optional | targets (like handPos x trials) m, optional
 *
 * `time` shows where bins do not follow one another: there the recording has a join.
 */
import type { BehaviourSignal, Recording, Trial } from '../core/recording.ts';
import {
  checkValues,
  hasVariable,
  realMatrix,
  realVector,
  shapeError,
  valueError,
} from './matlab-variables.ts';
import type { RealMatrix } from './matlab-variables.ts';
import type { MatlabFile } from './matlab-v5.ts';

const AXES = ['x', 'y', 'z'];
/** A step in `time` that differs from the bin width by more than this part of it is a join. */
const STEP_TOLERANCE = 0.25;

/** Throws LOG_VARIABLE_MISSING, LOG_VARIABLE_TYPE, LOG_VARIABLE_SHAPE, LOG_VALUE_INVALID. */
export function readStevensonRecording(file: MatlabFile, name: string): Recording {
  const spikes = realMatrix(file, 'spikes');
  checkValues(spikes, (v) => Number.isInteger(v) && v >= 0, 'is not a spike count');
  const binCount = spikes.columnCount;
  const binMs = readBinMs(file);
  const binS = binMs / 1000;

  const velocity = kinematics(file, 'handVel', binCount);
  const position = kinematics(file, 'handPos', binCount);
  // The third axis is recorded as 0 where movement was planar.
  const axisCount = hasThirdAxis(velocity) || hasThirdAxis(position) ? 3 : 2;
  const timesS = Float64Array.from({ length: binCount }, (_, bin) => (bin + 0.5) * binS);
  const behaviour = [
    signal('handVelocity', 'm/s', velocity, axisCount, timesS),
    signal('handPosition', 'm', position, axisCount, timesS),
  ];
  if (hasVariable(file, 'target')) behaviour.push(targetSignal(file, binCount, axisCount, timesS));

  return {
    name,
    channels: Array.from({ length: spikes.rowCount }, (_, i) => ({ label: `unit ${i + 1}`, unit: 'count' })),
    // Column-major (units x bins) is row-major (bins x units).
    spikes: { kind: 'counts', binMs, binCount, values: new Float32Array(spikes.values) },
    behaviour,
    trials: hasVariable(file, 'startBins') ? readTrials(file, binCount, binS, axisCount) : [],
    joinsS: hasVariable(file, 'time') ? readJoins(file, binCount, binS) : [],
  };
}

function readBinMs(file: MatlabFile): number {
  const timeBase = realMatrix(file, 'timeBase');
  if (timeBase.values.length !== 1) throw shapeError(timeBase, '1 x 1 (the bin width in seconds)');
  checkValues(timeBase, (v) => v > 0 && v <= 10, 'is not a bin width in seconds (above 0, at most 10)');
  // 0.045 s is to become 45 ms, not 44.99999999999999.
  return Math.round(timeBase.values[0] * 1e9) / 1e6;
}

function kinematics(file: MatlabFile, name: string, binCount: number): RealMatrix {
  const matrix = axesMatrix(file, name, binCount, 'column of spikes');
  checkValues(matrix, Number.isFinite, 'is not finite');
  return matrix;
}

function axesMatrix(file: MatlabFile, name: string, columnCount: number, per: string): RealMatrix {
  const matrix = realMatrix(file, name);
  const { rowCount } = matrix;
  if (matrix.columnCount !== columnCount || rowCount < 2 || rowCount > 3) {
    throw shapeError(matrix, `2 or 3 (x, y, z) x ${columnCount} (one column for each ${per})`);
  }
  return matrix;
}

function hasThirdAxis(matrix: RealMatrix): boolean {
  const { rowCount, values } = matrix;
  return rowCount === 3 && values.some((value, i) => i % 3 === 2 && value !== 0);
}

function signal(
  name: string,
  unit: string,
  matrix: RealMatrix,
  axisCount: number,
  timesS: Float64Array,
): BehaviourSignal {
  const values = new Float32Array(timesS.length * axisCount);
  for (let bin = 0; bin < timesS.length; bin++) {
    for (let axis = 0; axis < Math.min(axisCount, matrix.rowCount); axis++) {
      values[bin * axisCount + axis] = matrix.values[bin * matrix.rowCount + axis];
    }
  }
  return { name, labels: AXES.slice(0, axisCount), unit, timesS, values };
}

/** The target's signal has samples only where there is a target: bins of NaN are left out. */
function targetSignal(
  file: MatlabFile,
  binCount: number,
  axisCount: number,
  timesS: Float64Array,
): BehaviourSignal {
  const matrix = axesMatrix(file, 'target', binCount, 'column of spikes');
  checkValues(matrix, (v) => Number.isFinite(v) || Number.isNaN(v), 'is neither finite nor NaN');
  const all = signal('targetPosition', 'm', matrix, axisCount, timesS);
  const isThere = (bin: number): boolean => {
    const axes = all.values.subarray(bin * axisCount, (bin + 1) * axisCount);
    const missingAxis = axes.findIndex(Number.isNaN);
    if (missingAxis < 0) return true;
    if (axes.every(Number.isNaN)) return false;
    throw valueError(matrix, missingAxis, bin, 'is NaN while another axis of the same bin is not');
  };
  const bins = Array.from(timesS.keys()).filter(isThere);
  const values = new Float32Array(bins.length * axisCount);
  bins.forEach((bin, row) => {
    values.set(all.values.subarray(bin * axisCount, (bin + 1) * axisCount), row * axisCount);
  });
  return { ...all, timesS: Float64Array.from(bins, (bin) => timesS[bin]), values };
}

/** A trial lasts until the next one starts. */
function readTrials(file: MatlabFile, binCount: number, binS: number, axisCount: number): Trial[] {
  const starts = realVector(file, 'startBins');
  const isBin = (v: number): boolean => Number.isInteger(v) && v >= 1 && v <= binCount;
  checkValues(starts, isBin, `is not a bin from 1 to ${binCount}`);
  const trialCount = starts.columnCount;
  for (let i = 1; i < trialCount; i++) {
    if (starts.values[i] <= starts.values[i - 1])
      throw valueError(starts, 0, i, 'is not after the one before');
  }
  const targets = hasVariable(file, 'targets')
    ? axesMatrix(file, 'targets', trialCount, 'trial in startBins')
    : undefined;
  if (targets !== undefined) checkValues(targets, Number.isFinite, 'is not finite');
  return Array.from({ length: trialCount }, (_, i) => {
    const startS = (starts.values[i] - 1) * binS;
    const endS = i + 1 < trialCount ? (starts.values[i + 1] - 1) * binS : binCount * binS;
    if (targets === undefined) return { startS, endS };
    const first = i * targets.rowCount;
    return { startS, endS, target: Array.from(targets.values.subarray(first, first + axisCount)) };
  });
}

function readJoins(file: MatlabFile, binCount: number, binS: number): number[] {
  const time = realVector(file, 'time');
  if (time.columnCount !== binCount)
    throw shapeError(time, `1 x ${binCount} (one for each column of spikes)`);
  checkValues(time, Number.isFinite, 'is not finite');
  const joinsS: number[] = [];
  for (let bin = 1; bin < binCount; bin++) {
    const stepS = time.values[bin] - time.values[bin - 1];
    if (Math.abs(stepS - binS) > STEP_TOLERANCE * binS) joinsS.push(bin * binS);
  }
  return joinsS;
}
