import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFileBytes } from '../../src/recording/file-bytes.ts';
import { openRecording } from '../../src/recording/open-recording.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { temporaryFolder } from '../support/recording-folder.ts';
import { doubles, writeMat } from '../support/recording-mat-writer.ts';
import { stevensonVariables } from '../support/recording-stevenson.ts';

const folder = temporaryFolder();
function fileOf(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('openRecording', () => {
  it('knows a recording by its content, whatever its name', () => {
    const recording = openRecording(fileOf('monkey.day1.data', writeMat(stevensonVariables())));
    expect(recording.name).toBe('monkey.day1');
    expect(recording.behaviour[0].name).toBe('handVelocity');
  });

  it('says what an unknown layout holds and which layouts it knows', () => {
    const path = fileOf(
      'other.mat',
      writeMat({ trialData: doubles([1, 1], [1]), pertTrials: doubles([1, 1], [1]) }),
    );
    const error = betzErrorOf(() => openRecording(path));
    expect(error).toMatchObject({ code: 'LOG_LAYOUT_UNKNOWN', value: ['trialData', 'pertTrials'] });
    expect(error.message).toContain(path);
    expect(error.message).toContain('spikes, timeBase, handVel, handPos');
    expect(betzErrorOf(() => openRecording(fileOf('none.mat', writeMat({})))).message).toContain(
      'no variables',
    );
  });

  it.each([
    ['\x89HDF\r\n\x1a\n', 'HDF5 (NWB'],
    ['NEURALEV\x03\x00', 'Blackrock NEV'],
    ['\x89MCAP0\r\n', 'session recording'],
    ['XDF:', 'XDF'],
    ['hello, world, this is text', 'this file is text, not a recording'],
    ['\x07hello', 'begins with the bytes 07 68 65 6c 6c 6f'],
    ['\0', 'begins with the bytes 00'],
  ])('names a file that begins with %j', (start, found) => {
    const error = betzErrorOf(() => openRecording(fileOf('x.mat', Buffer.from(start, 'latin1'))));
    expect(error.code).toBe('LOG_FORMAT_UNKNOWN');
    expect(error.message).toContain(found);
    expect(error.message).toContain('known formats are MATLAB 5.0');
  });

  it('names the file in errors of the reader below', () => {
    const path = fileOf('cut.mat', writeMat(stevensonVariables()).subarray(0, 300));
    const error = betzErrorOf(() => openRecording(path));
    expect(error).toMatchObject({ code: 'LOG_MAT_TRUNCATED', value: 300 });
    expect(error.message).toContain(path);
  });
});

describe('files that cannot be read', () => {
  it('has a code for each reason', () => {
    expect(betzErrorOf(() => openRecording(join(folder, 'absent.mat'))).code).toBe('LOG_FILE_MISSING');
    expect(betzErrorOf(() => openRecording(join(fileOf('f', 'x'), 'below.mat'))).code).toBe(
      'LOG_FILE_MISSING',
    );
    expect(betzErrorOf(() => openRecording(fileOf('empty.mat', ''))).code).toBe('LOG_FILE_EMPTY');
    mkdirSync(join(folder, 'sub'));
    expect(betzErrorOf(() => openRecording(join(folder, 'sub'))).code).toBe('LOG_FILE_IS_DIRECTORY');
    expect(betzErrorOf(() => readFileBytes(fileOf('big', 'abc'), 2))).toMatchObject({
      code: 'LOG_FILE_TOO_LARGE',
      value: 3,
    });
  });

  it.skipIf(process.platform === 'win32')('does not wait for a pipe or read a device for ever', () => {
    const pipe = join(folder, 'pipe');
    execFileSync('bash', ['-c', 'mkfifo "$0"', pipe]);
    expect(betzErrorOf(() => openRecording(pipe)).code).toBe('LOG_FILE_NOT_REGULAR');
    expect(betzErrorOf(() => openRecording('/dev/zero')).code).toBe('LOG_FILE_NOT_REGULAR');
  });

  it.skipIf(process.getuid?.() === 0)('says so when it may not read (not as root)', () => {
    const path = fileOf('secret.mat', 'x');
    chmodSync(path, 0);
    expect(betzErrorOf(() => openRecording(path)).code).toBe('LOG_FILE_UNREADABLE');
  });
});
