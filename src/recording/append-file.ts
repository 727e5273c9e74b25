/** A file that only grows, with one coded error for each way in which writing can fail. */
import { open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { BetzError } from '../core/errors.ts';
import { systemErrorCode } from './file-bytes.ts';

export class AppendFile {
  readonly path: string;
  private readonly handle: FileHandle;
  /** Bytes of all blocks that were written whole. */
  private wholeBytes = 0;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.handle = handle;
  }

  /**
   * Creates the file; an existing one is emptied if `overwrite` is true.
   * Throws LOG_FILE_EXISTS, LOG_FOLDER_MISSING, LOG_PATH_NOT_WRITABLE, LOG_DISK_FULL, LOG_WRITE_FAILED.
   */
  static async create(path: string, overwrite: boolean): Promise<AppendFile> {
    try {
      return new AppendFile(path, await open(path, overwrite ? 'w' : 'wx'));
    } catch (cause) {
      throw writeError(path, cause);
    }
  }

  /** Appends the whole block. One call at a time. Throws LOG_DISK_FULL, LOG_WRITE_FAILED. */
  async write(block: Uint8Array): Promise<void> {
    let written = 0;
    try {
      while (written < block.byteLength) {
        const left = block.byteLength - written;
        const position = this.wholeBytes + written;
        written += (await this.handle.write(block, written, left, position)).bytesWritten;
      }
    } catch (cause) {
      throw writeError(this.path, cause);
    }
    this.wholeBytes += block.byteLength;
  }

  /** Resolves when what was written would survive a loss of power. Throws as `write` does. */
  async sync(): Promise<void> {
    try {
      await this.handle.datasync();
    } catch (cause) {
      // Devices and some network file systems cannot be told to; that is no failure of the recording.
      const systemCode = systemErrorCode(cause);
      if (systemCode !== 'EINVAL' && systemCode !== 'ENOTSUP') throw writeError(this.path, cause);
    }
  }

  /** Cuts off what a failed write left of its block, as far as the file system lets us. */
  async dropPartialBlock(): Promise<void> {
    try {
      await this.handle.truncate(this.wholeBytes);
    } catch {
      // Readers stop at the last whole block anyway.
    }
  }

  async close(): Promise<void> {
    try {
      await this.handle.close();
    } catch (cause) {
      throw writeError(this.path, cause);
    }
  }

  /** Closes and removes the file, unless the path is a device. For a file whose beginning could not be written. */
  async discard(): Promise<void> {
    const isFile = (await this.handle.stat()).isFile();
    await this.close();
    if (isFile) await unlink(this.path);
  }
}

/** Turns what the file system said while writing `path` into a coded error. */
export function writeError(path: string, cause: unknown): BetzError {
  if (cause instanceof BetzError) return cause;
  const systemCode = systemErrorCode(cause);
  const details = { value: path, cause };
  switch (systemCode) {
    case 'EEXIST':
      return new BetzError('LOG_FILE_EXISTS', `'${path}' is there already`, {
        ...details,
        tip: 'Choose another name: a recording overwrites nothing.',
      });
    case 'ENOENT':
    case 'ENOTDIR':
      return new BetzError('LOG_FOLDER_MISSING', `the folder of '${path}' does not exist`, {
        ...details,
        tip: 'Create the folder first, or choose another path.',
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EISDIR':
      return new BetzError('LOG_PATH_NOT_WRITABLE', `'${path}' cannot be written (${systemCode})`, {
        ...details,
        tip: 'Choose a path to a file in a folder that you may write to.',
      });
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new BetzError('LOG_DISK_FULL', `no space is left for '${path}' (${systemCode})`, {
        ...details,
        tip: 'Free some space or record to another disk; what was recorded up to now can be read.',
      });
    default:
      return new BetzError('LOG_WRITE_FAILED', `writing '${path}' failed (${systemCode ?? String(cause)})`, {
        ...details,
        tip: 'Check that the disk is connected and healthy; what was recorded up to now can be read.',
      });
  }
}
