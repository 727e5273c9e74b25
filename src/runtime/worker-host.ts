/**
 * A worker as the main thread sees it: messages by kind, and one coded error whichever way it dies (it says so, it
 * throws, it exits early, it is silent for too long). Nobody who waits for a message waits for ever.
 */
import { Worker } from 'node:worker_threads';
import type { ResourceLimits } from 'node:worker_threads';
import { BetzError } from '../core/errors.ts';
import type { ErrorCode } from '../core/errors.ts';
import { restoreError, workerDied } from './error-transfer.ts';
import type { TransferredError } from './error-transfer.ts';
import type { SessionCommand } from './worker-messages.ts';

type Message = { kind: 'failed'; error: TransferredError } | { kind: string };
type OfKind<M extends Message, K extends M['kind']> = Extract<M, { kind: K }>;

interface Waiter<M> {
  kind: string;
  resolve: (message: M) => void;
  reject: (error: BetzError) => void;
}

export class WorkerHost<M extends Message> {
  /** Called with every message that nobody waits for. */
  onMessage: (message: M) => void = () => undefined;
  private readonly worker: Worker;
  private readonly diedCode: ErrorCode;
  private readonly exited: Promise<void>;
  private failure: BetzError | undefined;
  private waiters: Waiter<M>[] = [];
  /** Messages that came before somebody waited for them. */
  private readonly kept = new Map<string, M>();

  /** @param diedCode for deaths that no code foresaw */
  constructor(path: string | URL, workerData: unknown, diedCode: ErrorCode, limits: ResourceLimits = {}) {
    this.diedCode = diedCode;
    this.worker = new Worker(path, { workerData, resourceLimits: limits });
    this.worker.on('message', (message: M) => {
      this.take(message);
    });
    // Typed as an Error, but a worker can throw anything.
    this.worker.on('error', (error: unknown) => {
      this.fail(workerDied(diedCode, error instanceof Error ? error.message : String(error), error));
    });
    this.exited = new Promise((resolve) => {
      this.worker.once('exit', (code) => {
        this.fail(workerDied(diedCode, `exit code ${code}`));
        resolve();
      });
    });
  }

  post(command: SessionCommand): void {
    this.worker.postMessage(command);
  }

  /**
   * The message of that kind, also if it came before; rejects when the worker dies first.
   * @param timeoutMs after which the worker counts as hung and is ended
   */
  waitFor<K extends M['kind']>(kind: K, timeoutMs?: number): Promise<OfKind<M, K>> {
    const kept = this.kept.get(kind);
    if (kept !== undefined) return Promise.resolve(kept as OfKind<M, K>);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => {
              this.fail(this.hung(kind, timeoutMs));
              void this.worker.terminate();
            }, timeoutMs);
      this.waiters.push({
        kind,
        resolve: (message) => {
          clearTimeout(timer);
          resolve(message as OfKind<M, K>);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  /** Asks the worker to end where it still waits for its session, and ends it if it has not after `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    this.post({ kind: 'close' });
    const timer = setTimeout(() => {
      void this.worker.terminate();
    }, timeoutMs);
    await this.exited;
    clearTimeout(timer);
  }

  async terminate(): Promise<void> {
    await this.worker.terminate();
  }

  private take(message: M): void {
    if (isFailure(message)) {
      this.fail(restoreError(message.error, this.diedCode));
      return;
    }
    const waiting = this.waiters.filter((waiter) => waiter.kind === message.kind);
    if (waiting.length === 0) {
      this.kept.set(message.kind, message);
      this.onMessage(message);
      return;
    }
    this.waiters = this.waiters.filter((waiter) => waiter.kind !== message.kind);
    for (const waiter of waiting) waiter.resolve(message);
  }

  private fail(error: BetzError): void {
    this.failure ??= error;
    for (const waiter of this.waiters.splice(0)) waiter.reject(this.failure);
  }

  private hung(kind: string, timeoutMs: number): BetzError {
    return new BetzError(
      'IPC_WORKER_TIMEOUT',
      `a worker thread did not answer '${kind}' in ${timeoutMs} ms`,
      {
        value: timeoutMs,
        tip: 'Close other heavy programs and try again; if it happens again, report it as a bug.',
      },
    );
  }
}

function isFailure(message: Message): message is { kind: 'failed'; error: TransferredError } {
  return message.kind === 'failed';
}
