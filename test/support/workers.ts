/** Worker threads that misbehave, and whether any is left. */
import { subscribe } from 'node:diagnostics_channel';
import type { Worker } from 'node:worker_threads';

/** A worker file that is not there but in its address. It may import compiled files by their own addresses. */
export function workerScript(code: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}

const started: Worker[] = [];
subscribe('worker_threads', (message) => {
  started.push((message as { worker: Worker }).worker);
});

/** Workers of this process that have not ended. */
export function runningWorkerCount(): number {
  return started.filter(isRunning).length;
}

/** Resolves when all of them have ended. */
export async function workersEnd(): Promise<void> {
  await Promise.all(
    started.filter(isRunning).map(
      (worker) =>
        new Promise((resolve) => {
          worker.once('exit', resolve); // events.once would reject when the worker fails first
        }),
    ),
  );
}

function isRunning(worker: Worker): boolean {
  return worker.threadId !== -1;
}
