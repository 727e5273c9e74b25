/** Recording files as the commands use them. */
import type { BinnedRecording } from '../core/recording.ts';
import { binRecording } from '../recording/bin-recording.ts';
import { openRecording } from '../recording/open-recording.ts';

export interface RecordingOptions {
  target?: string;
  binMs?: number;
}

/** Opens and bins a recording. @throws BetzError LOG_* */
export function openBinnedRecording(path: string, options: RecordingOptions): BinnedRecording {
  return binRecording(openRecording(path), {
    ...(options.target === undefined ? {} : { targetName: options.target }),
    ...(options.binMs === undefined ? {} : { binMs: options.binMs }),
  });
}
