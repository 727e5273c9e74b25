/** The main thread's side of a worker, as the worker sees it. */
import { parentPort } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { assert } from '../core/errors.ts';
import { transferError } from './error-transfer.ts';
import type { SessionCommand } from './worker-messages.ts';

export class WorkerPort<Message extends { kind: string }> {
  private readonly port: MessagePort;

  constructor() {
    assert(parentPort !== null, 'this file runs as a worker');
    this.port = parentPort;
  }

  /** Also from within a loop that never returns to the event loop. */
  post(message: Message): void {
    this.port.postMessage(message);
  }

  nextCommand(): Promise<SessionCommand> {
    return new Promise((resolve) => {
      this.port.once('message', (command: SessionCommand) => {
        resolve(command);
      });
    });
  }

  /** Runs the worker's work and lets the thread end; what it throws goes to the main thread as a coded error. */
  async serve(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.port.postMessage({ kind: 'failed', error: transferError(error) });
    } finally {
      this.port.close();
    }
  }
}
