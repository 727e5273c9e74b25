/** The folder for output whose place the user left to us. */
import { mkdirSync, rmdirSync } from 'node:fs';

export class DefaultFolder {
  readonly path: string;
  private readonly isNew: boolean;

  /** Makes the folder in the current one unless it is there; whoever writes into it says, with a code, if it is not. */
  constructor(path: string) {
    this.path = path;
    this.isNew = make(path);
  }

  /** A command that came to nothing leaves no folder behind. */
  removeIfUnused(): void {
    if (!this.isNew) return;
    try {
      rmdirSync(this.path);
    } catch {
      return; // it is in use
    }
  }
}

function make(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch {
    return false;
  }
}
