/** Reads a whole file into memory, with one coded error for each way in which that can fail. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { BetzError } from '../core/errors.ts';

/** Larger files are refused: the readers that use this hold the whole file in memory. */
const FILE_BYTES_MAX = 2 ** 31 - 1;

/**
 * Throws LOG_FILE_MISSING, LOG_FILE_IS_DIRECTORY, LOG_FILE_NOT_REGULAR, LOG_FILE_UNREADABLE, LOG_FILE_EMPTY,
 * LOG_FILE_TOO_LARGE.
 */
export function readFileBytes(path: string, bytesMax = FILE_BYTES_MAX): Uint8Array {
  const descriptor = openRegularFile(path);
  try {
    const size = fstatSync(descriptor).size;
    if (size === 0) {
      throw new BetzError('LOG_FILE_EMPTY', `'${path}' is empty`, {
        value: path,
        tip: 'Copy the file again from where it was recorded; this copy holds no bytes.',
      });
    }
    if (size > bytesMax) {
      throw new BetzError(
        'LOG_FILE_TOO_LARGE',
        `'${path}' has ${size} bytes; at most ${bytesMax} can be read`,
        {
          value: size,
          tip: 'Save the recording in parts, each below the limit.',
        },
      );
    }
    const bytes = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      const count = readSync(descriptor, bytes, filled, size - filled, filled);
      if (count === 0) break; // the file shrank while it was read
      filled += count;
    }
    return bytes.subarray(0, filled);
  } catch (cause) {
    throw cause instanceof BetzError ? cause : readError(path, cause);
  } finally {
    closeSync(descriptor);
  }
}

/** Opens a regular file for reading; the caller closes the descriptor. Throws as `readFileBytes` does. */
export function openRegularFile(path: string): number {
  let descriptor: number;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw readError(path, cause);
  }
  const status = fstatSync(descriptor);
  if (status.isFile()) return descriptor;
  closeSync(descriptor);
  throw status.isDirectory() ? directoryError(path) : notRegularError(path);
}

/** Turns what the file system said while reading `path` into a coded error. */
export function readError(path: string, cause: unknown): BetzError {
  const systemCode = systemErrorCode(cause);
  if (systemCode === 'ENOENT' || systemCode === 'ENOTDIR') {
    return new BetzError('LOG_FILE_MISSING', `there is no file '${path}'`, {
      value: path,
      tip: 'Check the path; it is taken relative to the folder in which betz was started.',
      cause,
    });
  }
  if (systemCode === 'EISDIR') return directoryError(path, cause);
  return new BetzError('LOG_FILE_UNREADABLE', `'${path}' cannot be read (${systemCode ?? String(cause)})`, {
    value: path,
    tip: 'Check that you may read this file and that its disk is connected.',
    cause,
  });
}

/** The file system's own code ('ENOENT', 'ENOSPC', ...), where the error carries one. */
export function systemErrorCode(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || !('code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}

function directoryError(path: string, cause?: unknown): BetzError {
  return new BetzError('LOG_FILE_IS_DIRECTORY', `'${path}' is a folder, not a file`, {
    value: path,
    tip: 'Name the file inside the folder.',
    cause,
  });
}

function notRegularError(path: string): BetzError {
  return new BetzError('LOG_FILE_NOT_REGULAR', `'${path}' is a device or a pipe, not a file`, {
    value: path,
    tip: 'Save the data to a file first.',
  });
}
