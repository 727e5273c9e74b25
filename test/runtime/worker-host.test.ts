import { afterEach, describe, expect, it, vi } from 'vitest';
import { WorkerHost } from '../../src/runtime/worker-host.ts';
import { betzErrorOfAsync } from '../support/recording-errors.ts';
import { runningWorkerCount, workerScript } from '../support/workers.ts';

type Message = { kind: 'a'; n: number } | { kind: 'b'; n: number };

/** @param code has `post`, and `received`, which resolves with the first command */
function start(code: string): WorkerHost<Message> {
  const script = workerScript(`
    import { parentPort } from 'node:worker_threads';
    const post = (message) => parentPort.postMessage(message);
    const received = new Promise((resolve) => parentPort.once('message', resolve));
    ${code}
  `);
  return new WorkerHost<Message>(script, undefined, 'IPC_DECODE_WORKER_DIED');
}

afterEach(() => {
  vi.useRealTimers();
  expect(runningWorkerCount()).toBe(0);
});

describe('WorkerHost', () => {
  it('keeps messages for those who wait later, and calls back for the rest', async () => {
    const host = start("post({ kind: 'a', n: 1 }); post({ kind: 'b', n: 2 }); await received");
    const seen: Message[] = [];
    host.onMessage = (message) => seen.push(message);
    expect(await host.waitFor('b')).toEqual({ kind: 'b', n: 2 });
    expect(await host.waitFor('a')).toEqual({ kind: 'a', n: 1 });
    expect(seen).toEqual([{ kind: 'a', n: 1 }]);
    await host.close(10_000);
  });

  it('gives one message to all who wait for it, and none to those who wait for another', async () => {
    const host = start("await received; post({ kind: 'a', n: 1 })");
    const other = betzErrorOfAsync(() => host.waitFor('b'));
    const both = [host.waitFor('a'), host.waitFor('a', 10_000)];
    host.post({ kind: 'close' });
    expect(await Promise.all(both)).toEqual([
      { kind: 'a', n: 1 },
      { kind: 'a', n: 1 },
    ]);
    expect((await other).value).toBe('exit code 0');
  });

  it.each([
    ['throws', "throw new Error('why')", 'why'],
    ['throws text', "throw 'why'", 'why'],
    ['throws nothing', 'throw null', 'null'],
    ['exits', 'process.exit(5)', 'exit code 5'],
    ['cannot be read', 'this is no program', 'Unexpected identifier'],
  ])('rejects with its code, now and later, when the worker %s', async (_how, code, reason) => {
    const host = start(code);
    const error = await betzErrorOfAsync(() => host.waitFor('a', 10_000));
    expect(error.code).toBe('IPC_DECODE_WORKER_DIED');
    expect(error.value).toMatch(reason);
    expect(await betzErrorOfAsync(() => host.waitFor('b'))).toBe(error);
    await host.close(10_000);
  });

  it('restores a coded error that the worker tells of', async () => {
    const error = {
      kind: 'coded',
      code: 'CFG_KERNELS_MISSING',
      message: 'm',
      value: 3,
      tip: 't',
      stack: 's',
    };
    const host = start(`post({ kind: 'failed', error: ${JSON.stringify(error)} }); await received`);
    const { code, message, value, tip } = error;
    expect((await betzErrorOfAsync(() => host.waitFor('a'))).toJSON()).toEqual({ code, message, value, tip });
    await host.close(10_000);
  });

  it('ends a worker that does not answer', async () => {
    const host = start('for (;;);');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const waiting = betzErrorOfAsync(() => host.waitFor('a', 500));
    vi.advanceTimersByTime(500);
    expect(await waiting).toMatchObject({ code: 'IPC_WORKER_TIMEOUT', value: 500 });
    await host.close(10_000);
  });

  it('ends a worker that does not close', async () => {
    const host = start('for (;;);');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const closing = host.close(500);
    vi.advanceTimersByTime(500);
    await closing;
    await host.terminate(); // has nothing left to do
  });
});
