/**
 * Opens a recording of any format that Betz knows: the format is recognised by the file's content, never by its
 * name, and the layout inside a general format by its variables.
 */
import { basename, extname } from 'node:path';
import { BetzError } from '../core/errors.ts';
import { fileKind } from '../core/file-kind.ts';
import type { Recording } from '../core/recording.ts';
import { readDegenhartRecording } from './degenhart-recording.ts';
import { readFileBytes } from './file-bytes.ts';
import { hasVariable, variableNames } from './matlab-variables.ts';
import { looksLikeMatlab, openMatlabFile } from './matlab-v5.ts';
import type { MatlabFile } from './matlab-v5.ts';
import { readStevensonRecording } from './stevenson-recording.ts';

interface RecordingFormat {
  name: string;
  matches(bytes: Uint8Array): boolean;
  read(bytes: Uint8Array, name: string): Recording;
}

/** The first that matches reads the file. */
const FORMATS: readonly RecordingFormat[] = [
  { name: 'MATLAB 5.0', matches: looksLikeMatlab, read: readMatlabRecording },
];

interface MatlabLayout {
  name: string;
  /** Variables without which a file does not have this layout. */
  variables: readonly string[];
  read(file: MatlabFile, name: string): Recording;
}

/** The first whose variables are all there reads the file. */
const MATLAB_LAYOUTS: readonly MatlabLayout[] = [
  {
    name: 'binned reaching',
    variables: ['spikes', 'timeBase', 'handVel', 'handPos'],
    read: readStevensonRecording,
  },
  {
    name: 'closed-loop trials',
    variables: ['trialData', 'goodElectrodes'],
    read: readDegenhartRecording,
  },
];

/**
 * Reads a whole recording into memory. Its name is the file's name without the extension.
 *
 * Throws LOG_FORMAT_UNKNOWN, LOG_LAYOUT_UNKNOWN and what the reader of the format throws; every error's message
 * begins with the path.
 */
export function openRecording(path: string): Recording {
  const bytes = readFileBytes(path);
  try {
    const format = FORMATS.find((candidate) => candidate.matches(bytes));
    if (format === undefined) throw unknownFormat(bytes);
    return format.read(bytes, basename(path, extname(path)));
  } catch (cause) {
    if (!(cause instanceof BetzError)) throw cause;
    const { code, value, tip } = cause;
    throw new BetzError(code, `${path}: ${cause.message}`, { value, tip, cause });
  }
}

function readMatlabRecording(bytes: Uint8Array, name: string): Recording {
  const file = openMatlabFile(bytes);
  const layout = MATLAB_LAYOUTS.find(({ variables }) =>
    variables.every((variable) => hasVariable(file, variable)),
  );
  if (layout !== undefined) return layout.read(file, name);
  const known = MATLAB_LAYOUTS.map((each) => `${each.name} (${each.variables.join(', ')})`).join('; ');
  throw new BetzError(
    'LOG_LAYOUT_UNKNOWN',
    `the MATLAB file holds ${variableNames(file)}; known layouts are ${known}`,
    {
      value: file.variables.map((variable) => variable.name),
      tip: 'Rename the variables to those of a known layout; docs/formats.md says what each holds.',
    },
  );
}

function unknownFormat(bytes: Uint8Array): BetzError {
  const kind = fileKind(bytes);
  const known = `known formats are ${FORMATS.map((format) => format.name).join(', ')}`;
  if (kind !== undefined) {
    return new BetzError('LOG_FORMAT_UNKNOWN', `this file is ${kind.name}, not a recording; ${known}`, {
      value: kind.name,
      tip: kind.tip,
    });
  }
  const found = `begins with the bytes ${hex(bytes.subarray(0, 8))}`;
  return new BetzError('LOG_FORMAT_UNKNOWN', `this file is no known recording: it ${found}; ${known}`, {
    value: found,
    tip: 'Convert the recording to a known format; docs/formats.md describes them.',
  });
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
