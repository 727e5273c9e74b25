/** `betz run --save-state`: the decoder's state at the end of a session, to go on from another time. */
import { assertStatePathWritable, continueStateFile, writeStateFile } from '../host/state-store.ts';
import { isSamePlace, keptLines } from './refuse-replacing.ts';

export interface SavedStateOptions {
  loadState?: string;
  /** Where to write the state. */
  saveState?: string;
  replace?: true;
}

/** @throws BetzError CFG_FILE_EXISTS, DEC_STATE_FILE_UNWRITABLE */
export function checkSavedState(options: SavedStateOptions): void {
  const { saveState, replace } = options;
  if (saveState === undefined) return;
  assertStatePathWritable(saveState, replace === true || goesOn(options));
}

/** @returns a line for the summary; undefined where no state is asked for @throws BetzError DEC_STATE_FILE_UNWRITABLE */
export function saveDecoderState(
  options: SavedStateOptions,
  sealedState: Uint8Array | undefined,
): string | undefined {
  const { saveState, replace } = options;
  if (saveState === undefined || sealedState === undefined) return undefined;
  const line = `state     ${saveState}`;
  if (replace === true || !goesOn(options))
    return [line, ...keptLines(writeStateFile(saveState, sealedState))].join('; ');
  continueStateFile(saveState, sealedState);
  return line;
}

/** Whoever loads a state and saves to the same file, day after day, means to replace it, and wants no copy of every day. */
function goesOn({ loadState, saveState }: SavedStateOptions): boolean {
  return loadState !== undefined && saveState !== undefined && isSamePlace(loadState, saveState);
}
