/** Output that nobody takes: a reader that left (`betz run | head`) is no failure, a full disk behind `>` is one. */
import { BetzError } from '../core/errors.ts';
import { reportFailure } from './failure.ts';

/** To be called once, before a command runs; one that goes on for long also stops (interrupt.ts). */
export function watchOutput(): void {
  let isReported = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || isReported) return;
    isReported = true;
    const failure = new BetzError('CFG_OUTPUT_LOST', 'standard output cannot be written', {
      value: error.code,
      tip: 'Check where the output goes; what the command wrote to other files is there.',
      cause: error,
    });
    process.exitCode = reportFailure(failure, false);
  });
  process.stderr.on('error', () => undefined); // there is nowhere left to tell it
}
