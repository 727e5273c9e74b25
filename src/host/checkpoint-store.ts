/** Checkpoints of long trainings on disk, read and written as a whole. */
import { existsSync, rmSync } from 'node:fs';
import { decodeCheckpoint, encodeCheckpoint } from '../calibration/session/checkpoint-file.ts';
import type { TrainingCheckpoint } from '../calibration/training.ts';
import { BetzError } from '../core/errors.ts';
import { readWholeFile, writeWholeFile } from './whole-file.ts';
import type { WholeFileErrors } from './whole-file.ts';

/** How often one is written: a second of writing, at most, for what is lost otherwise. */
const INTERVAL_MS = 20_000;

export class CheckpointStore {
  readonly path: string;
  private readonly fingerprint: string;
  private lastMs = performance.now();
  private take: (() => TrainingCheckpoint) | undefined;

  constructor(path: string, fingerprint: string) {
    this.path = path;
    this.fingerprint = fingerprint;
  }

  /** @throws BetzError CAL_CHECKPOINT_MISSING, CAL_CHECKPOINT_INVALID, CAL_CHECKPOINT_FOREIGN */
  read(): TrainingCheckpoint {
    return decodeCheckpoint(readWholeFile(this.path, ERRORS), this.fingerprint);
  }

  /** After every step. @throws BetzError CAL_CHECKPOINT_UNWRITABLE */
  onStep(take: () => TrainingCheckpoint): void {
    this.take = take;
    if (performance.now() - this.lastMs >= INTERVAL_MS) this.write();
  }

  /** The last step, e.g. because the training was interrupted. @returns whether there was one to write */
  write(): boolean {
    if (this.take === undefined) return false;
    writeWholeFile(this.path, encodeCheckpoint(this.take(), this.fingerprint), ERRORS);
    this.lastMs = performance.now();
    return true;
  }

  exists(): boolean {
    return existsSync(this.path);
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}

const ERRORS: WholeFileErrors = {
  missing: (path, cause) =>
    new BetzError('CAL_CHECKPOINT_MISSING', 'there is no checkpoint to go on from', {
      value: path,
      tip: 'Give --out as in the run that was interrupted, or start without --resume.',
      cause,
    }),
  unreadable: (path, problem, cause) =>
    new BetzError('CAL_CHECKPOINT_INVALID', `the checkpoint ${problem}`, {
      value: path,
      tip: 'Move away what is there, and start without --resume.',
      cause,
    }),
  unwritable: (path, reason, tip, cause) =>
    new BetzError('CAL_CHECKPOINT_UNWRITABLE', `no checkpoint can be written there (${reason})`, {
      value: path,
      tip,
      cause,
    }),
};
