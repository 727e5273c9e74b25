/**
 * The instability of the recordings of Degenhart, Bishop et al. 2020 (degenhart-recording.ts): what the experimenters did
 * to the counts before the decoder saw them (Methods, "instability"). The file holds counts as they were recorded, and the
 * parameters beside them, in `pertParams`.
 */
import { assert, BetzError } from '../core/errors.ts';
import { electrodeLabel } from './degenhart-recording.ts';
import { readFileBytes } from './file-bytes.ts';
import { structField } from './matlab-array.ts';
import { asVector, checkValues, shapeError, structArray, toRealMatrix } from './matlab-variables.ts';
import type { RealMatrix } from './matlab-variables.ts';
import { openMatlabFile } from './matlab-v5.ts';
import type { MatlabFile } from './matlab-v5.ts';

export interface RecordedInstability {
  /** Labels of the channels that the decoder used, in the order of the lists below. */
  channels: readonly string[];
  /** Whose counts each channel has afterwards: its own label, or another's, which may be of a channel not listed here. */
  sources: readonly string[];
  /** Added to the counts. */
  offsets: readonly number[];
  isSilent: readonly boolean[];
}

/** @throws BetzError LOG_FILE_*, LOG_MAT_*, LOG_VARIABLE_*, LOG_VALUE_INVALID */
export function openRecordedInstability(path: string): RecordedInstability {
  return readRecordedInstability(openMatlabFile(readFileBytes(path)));
}

/** @throws BetzError LOG_VARIABLE_*, LOG_VALUE_INVALID */
export function readRecordedInstability(file: MatlabFile): RecordedInstability {
  const parameters = structArray(file, 'pertParams');
  const field = (name: string): RealMatrix => {
    const array = structField(parameters, name);
    if (array !== undefined) return toRealMatrix(`pertParams.${name}`, array);
    throw new BetzError('LOG_VARIABLE_MISSING', `'pertParams' has no field '${name}'`, {
      value: name,
      tip: `It holds: ${parameters.fieldNames.join(', ')}.`,
    });
  };
  const isElectrode = (v: number): boolean => Number.isInteger(v) && v >= 1;
  const base = asVector(field('baseElectrodes'));
  checkValues(base, isElectrode, 'is not an electrode');
  const channelCount = base.columnCount;
  const map = field('swapElectrodesMap');
  if (map.rowCount !== channelCount || map.columnCount !== 2)
    throw shapeError(map, `${channelCount} x 2 (electrode, electrode that it gets its counts from)`);
  checkValues(map, isElectrode, 'is not an electrode');
  const perChannel = (name: string): RealMatrix => {
    const values = asVector(field(name));
    if (values.columnCount !== channelCount) throw shapeError(values, `1 x ${channelCount}`);
    checkValues(values, Number.isFinite, 'is not finite');
    return values;
  };
  const sourceOf = new Map(
    Array.from({ length: channelCount }, (_, row) => [map.values[row], map.values[channelCount + row]]),
  );
  return {
    channels: Array.from(base.values, electrodeLabel),
    sources: Array.from(base.values, (number) => electrodeLabel(sourceOf.get(number) ?? number)),
    offsets: Array.from(perChannel('offsets').values),
    isSilent: Array.from(perChannel('silentChs').values, (flag) => flag !== 0),
  };
}

/**
 * What the decoder saw: first the counts are exchanged, then the offsets added, then channels silenced. Offsets are not
 * whole and may be negative, and so may the result. Channels that the instability does not list stay as they are.
 * @param counts [bins x labels.length]; not changed
 */
export function applyInstability(
  counts: Float32Array,
  labels: readonly string[],
  instability: RecordedInstability,
): Float32Array {
  const width = labels.length;
  const columnOf = (label: string): number => {
    const column = labels.indexOf(label);
    assert(column >= 0, `the counts have no channel '${label}'`);
    return column;
  };
  const changed = counts.slice();
  instability.channels.forEach((label, i) => {
    const to = columnOf(label);
    const from = columnOf(instability.sources[i]);
    const offset = instability.offsets[i];
    const isSilent = instability.isSilent[i];
    for (let row = 0; row < counts.length; row += width)
      changed[row + to] = isSilent ? 0 : counts[row + from] + offset;
  });
  return changed;
}
