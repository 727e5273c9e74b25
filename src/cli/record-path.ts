/** Where the session recording of `betz run` goes. */
import { join } from 'node:path';
import { AppendFile } from '../recording/append-file.ts';
import { DefaultFolder } from './default-folder.ts';
import { freePath } from './free-path.ts';

/** What is decoded live is recorded unless told otherwise; a computation at full speed only when told to. */
export function chooseRecordPath({ record, speed }: { record?: string | false; speed: number | 'max' }): {
  recordPath?: string;
  folder?: DefaultFolder;
} {
  if (record === false || (record === undefined && speed === 'max')) return {};
  if (record !== undefined) return { recordPath: record };
  const folder = new DefaultFolder('recordings');
  const time = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  return { folder, recordPath: freePath((suffix) => join(folder.path, `${time}Z${suffix}.mcap`)) };
}

/** Asked before a calibration, so that it is not lost to a typing error. @throws BetzError LOG_* */
export async function assertRecordingPathFree(path: string): Promise<void> {
  await (await AppendFile.create(path, false)).discard();
}
