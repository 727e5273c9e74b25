/** Checkpoints of long trainings on disk, read and written as a whole. */
import { existsSync, rmSync } from 'node:fs';
import { decodeCheckpoint, encodeCheckpoint } from '../calibration/session/checkpoint-file.ts';
import type { TrainingCheckpoint } from '../calibration/training.ts';
import { MODEL_FILE_ERRORS, readModelBytes } from './model-store.ts';
import { writeWholeFile } from './whole-file.ts';

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

  /** @throws BetzError CAL_CHECKPOINT_*, DEC_MODEL_FILE_* */
  read(): TrainingCheckpoint {
    return decodeCheckpoint(readModelBytes(this.path), this.fingerprint);
  }

  /** After every step. @throws BetzError DEC_MODEL_FILE_UNWRITABLE */
  onStep(take: () => TrainingCheckpoint): void {
    this.take = take;
    if (performance.now() - this.lastMs >= INTERVAL_MS) this.write();
  }

  /** The last step, e.g. because the training was interrupted. @returns whether there was one to write */
  write(): boolean {
    if (this.take === undefined) return false;
    writeWholeFile(this.path, encodeCheckpoint(this.take(), this.fingerprint), MODEL_FILE_ERRORS);
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
