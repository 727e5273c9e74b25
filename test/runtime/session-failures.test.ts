/** Sessions that cannot start, and sessions whose parts die: one coded error, and nothing left behind. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StreamInfo } from '../../src/acquisition/source.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { wiener } from '../../src/decoders/wiener/index.ts';
import { Session } from '../../src/runtime/session.ts';
import type { SessionOptions } from '../../src/runtime/session-parts.ts';
import type { SessionEvent, Sink } from '../../src/runtime/sink.ts';
import { randomModel } from '../support/decoder-models.ts';
import { randomRecording } from '../support/random-recording.ts';
import { betzErrorOfAsync } from '../support/recording-errors.ts';
import { decodeWorker, MemorySink, sourceWorker } from '../support/sessions.ts';
import { runningWorkerCount, workerScript } from '../support/workers.ts';

const CHANNELS = 4;
const recording = randomRecording(1, { binCount: 5000, channelCount: CHANNELS });
const model = {
  ...randomModel(wiener, { inputCount: CHANNELS, outputCount: 2 }, {}, 1),
  binMs: recording.binMs,
};
const STREAM: StreamInfo = {
  channels: recording.channels,
  sampleRateHz: 1000 / recording.binMs,
  clockDomain: 'device',
  isPaced: false,
  maxFramesPerChunk: 1,
  truth: { name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' },
};
/** Far more than rings hold: a source that nobody stops is still at it. */
const OPTIONS: SessionOptions = {
  source: { kind: 'replay', config: { recording, loops: 1000, speed: 'max' } },
  modelBytes: encodeModel(model),
};

let sink = new MemorySink();
let events: SessionEvent[] = [];
beforeEach(() => {
  sink = new MemorySink();
  events = [];
});
afterEach(() => {
  vi.useRealTimers();
  expect(runningWorkerCount()).toBe(0);
});

/** A session that ends with an error, however it is waited for. */
async function fail(options: Partial<SessionOptions>, stopsItself = true) {
  const session = await Session.start({
    ...OPTIONS,
    sinks: [sink],
    onEvent: (event) => events.push(event),
    ...options,
  });
  if (!stopsItself) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    void session.stop().catch(() => undefined);
    vi.advanceTimersByTime(2000);
    vi.useRealTimers();
  }
  const error = await betzErrorOfAsync(() => session.done);
  expect(runningWorkerCount()).toBe(0);
  expect(sink.summaries).toHaveLength(1);
  await expect(session.stop()).rejects.toBe(error);
  expect(events.filter(({ kind }) => kind === 'failed')).toEqual([{ kind: 'failed', error }]);
  expect(sink.events.map(({ event }) => event)).toEqual(events);
  return { error, ...session.snapshot() };
}

describe('a session that cannot start', () => {
  const refusals: readonly [string, string, unknown, Partial<SessionOptions>][] = [
    [
      'another number of channels',
      'DEC_CHANNEL_COUNT_MISMATCH',
      7,
      { source: { kind: 'simulated', config: { array: { channelCount: 7 } } } },
    ],
    [
      'bins that are no whole number of frames',
      'DEC_BIN_MISMATCH',
      75,
      { modelBytes: encodeModel({ ...model, binMs: 75 }) },
    ],
    ['a deadline of 0', 'CFG_DEADLINE_INVALID', 0, { deadlineMs: 0 }],
    ['a negative deadline', 'CFG_DEADLINE_INVALID', -5, { deadlineMs: -5 }],
    ['a deadline that is no number', 'CFG_DEADLINE_INVALID', Number.NaN, { deadlineMs: Number.NaN }],
    ['an unknown source', 'CFG_SOURCE_UNKNOWN', 'x', { source: { kind: 'x', config: {} } }],
    [
      'a setting of the source out of range',
      'CFG_SOURCE_CONFIG',
      -1,
      { source: { kind: 'simulated', config: { chunkMs: -1 } } },
    ],
    ['a model that is none', 'DEC_MODEL_TRUNCATED', undefined, { modelBytes: new Uint8Array(3) }],
    [
      'a source worker that throws at once',
      'IPC_SOURCE_WORKER_DIED',
      'no driver',
      { workers: { source: workerScript("throw new Error('no driver')") } },
    ],
    [
      'a decode worker that throws at once',
      'IPC_DECODE_WORKER_DIED',
      'no kernels',
      { workers: { decode: workerScript("throw new Error('no kernels')") } },
    ],
  ];
  it.each(refusals)('refuses %s with %s', async (_what, code, value, options) => {
    const error = await betzErrorOfAsync(() => Session.start({ ...OPTIONS, sinks: [sink], ...options }));
    expect(error.code).toBe(code);
    if (value !== undefined) expect(error.value).toEqual(value);
    expect(sink.description).toBeUndefined(); // no file is made for nothing
  });

  it('passes on the error of a sink that cannot open, and closes the one that has', async () => {
    class ClosedSink extends MemorySink {
      override open(): void {
        throw new Error('no screen');
      }
    }
    const closed = new ClosedSink();
    // No worker has to be ended by force, although the decode thread is waiting for data by then.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await expect(Session.start({ ...OPTIONS, sinks: [sink, closed] })).rejects.toThrow('no screen');
    expect(sink.summaries).toEqual([{}]);
    expect(closed.summaries).toEqual([]);
  });

  it('does not wait for ever for a worker that says nothing', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const silent = workerScript('setInterval(() => undefined, 1000)');
    const starting = betzErrorOfAsync(() => Session.start({ ...OPTIONS, workers: { source: silent } }));
    vi.advanceTimersByTime(60_000);
    expect((await starting).code).toBe('IPC_WORKER_TIMEOUT');
  });
});

describe('a session whose source dies', () => {
  const deaths: readonly [string, string, string, unknown][] = [
    ['throws', "throw new Error('cable')", 'IPC_SOURCE_WORKER_DIED', 'cable'],
    ['throws no error', "throw 'cable'", 'IPC_SOURCE_WORKER_DIED', 'cable'],
    ['throws nothing', 'setImmediate(() => { throw null; }); await 0', 'IPC_SOURCE_WORKER_DIED', 'null'],
    ['exits', 'process.exit(7)', 'IPC_SOURCE_WORKER_DIED', 'exit code 7'],
    ['ends early', '', 'IPC_SOURCE_WORKER_DIED', 'exit code 0'],
    [
      'says what is wrong',
      "throw new BetzError('ACQ_SOURCE_STATE', 'unplugged', { value: 3, tip: 'Plug it in.' })",
      'ACQ_SOURCE_STATE',
      3,
    ],
  ];
  it.each(deaths)('keeps what was decoded when it %s', async (_how, ending, code, value) => {
    const result = await fail({ workers: { source: sourceWorker(STREAM, 50, ending) } });
    expect(result.error).toMatchObject({ code, value });
    expect(sink.records.map(({ binIndex }) => binIndex)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(result.samples).toMatchObject({ produced: 50 * CHANNELS, processed: 50 * CHANNELS, dropped: 0 });
    expect(sink.summaries[0]).toMatchObject({
      bins: 50,
      garbageCollections: expect.any(Number) as number, // the decode thread was not ended by force
      sinks: { memory: { written: 50, lost: 0 } },
    });
  });

  it('ends it when it does not stop', async () => {
    const deaf = sourceWorker(STREAM, 50, 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)');
    const { error, samples } = await fail({ workers: { source: deaf } }, false);
    expect(error).toMatchObject({ code: 'IPC_STOP_TIMEOUT', value: 2000 });
    expect(samples.received).toBe(samples.processed);
  });

  it('does not believe it when its samples do not add up', async () => {
    const ending =
      'end({ producedFrames: 51, receivedFrames: 50, lostFrames: { ringFull: 0, deviceGap: 0 } })';
    const { error } = await fail({ workers: { source: sourceWorker(STREAM, 50, ending) } });
    expect(error.code).toBe('ACQ_ACCOUNTING_MISMATCH');
    expect(error.value).toMatchObject({ produced: 51 * CHANNELS, received: 50 * CHANNELS, lost: 0 });
  });
});

describe('a session whose decode thread dies', () => {
  it.each([
    ['throws', "throw new Error('out of memory')", 'out of memory'],
    ['exits', 'process.exit(1)', 'exit code 1'],
    ['ends early', '', 'exit code 0'],
  ])('stops the source when it %s, and says where its samples went', async (_how, ending, value) => {
    const { error, bins, samples } = await fail({ workers: { decode: decodeWorker(ending) } });
    expect(error).toMatchObject({ code: 'IPC_DECODE_WORKER_DIED', value });
    expect(bins).toBe(0);
    expect(samples.dropped).toBe(samples.received);
    expect(samples.droppedByReason['decoderStopped']).toBe(samples.received);
  });

  it('ends it when it does not stop', async () => {
    const { error } = await fail({ workers: { decode: decodeWorker('for (;;);') } }, false);
    expect(error.code).toBe('IPC_STOP_TIMEOUT');
  });
});

describe('a session with a sink that fails', () => {
  class FailingSink extends MemorySink {
    override write(record: Parameters<Sink['write']>[0]): void {
      if (record.binIndex === 9) throw new Error('no space');
      void super.write(record);
    }
  }

  it('goes on without it, says so once, and closes it', async () => {
    const broken = new FailingSink('broken');
    const session = await Session.start({
      ...OPTIONS,
      source: { kind: 'replay', config: { recording, speed: 'max' } },
      sinks: [broken, sink],
      onEvent: (event) => events.push(event),
    });
    const { sinks, bins } = await session.done;
    expect(bins).toBe(5000);
    expect(sinks).toEqual({ broken: { written: 9, lost: 4991 }, memory: { written: 5000, lost: 0 } });
    expect(broken.records).toHaveLength(9);
    expect(broken.summaries).toHaveLength(1);
    const failed = events.filter(({ kind }) => kind === 'sinkFailed');
    expect(failed).toEqual([{ kind: 'sinkFailed', sink: 'broken', error: new Error('no space') }]);
  });

  it('tells of a sink that fails only when it is closed', async () => {
    class LateSink extends MemorySink {
      override close(): Promise<void> {
        return Promise.reject(new Error('flush'));
      }
    }
    const session = await Session.start({
      ...OPTIONS,
      source: { kind: 'replay', config: { recording, to: 20, speed: 'max' } },
      sinks: [new LateSink('late')],
      onEvent: (event) => events.push(event),
    });
    expect((await session.done).bins).toBe(20);
    expect(events.at(-1)).toEqual({ kind: 'sinkFailed', sink: 'late', error: new Error('flush') });
  });
});

it('a session replaces the output of bins that are not finite, and tells how many', async () => {
  const ending = `
    publish(50, NaN);
    end({ producedFrames: 51, receivedFrames: 51, lostFrames: { ringFull: 0, deviceGap: 0 } });`;
  const session = await Session.start({
    ...OPTIONS,
    sinks: [sink],
    workers: { source: sourceWorker(STREAM, 50, ending) },
    onEvent: (event) => events.push(event),
  });
  expect(await session.done).toMatchObject({ bins: 51, nonFiniteBins: 1 });
  expect(events).toEqual([{ kind: 'nonFinite', binCount: 1 }]);
  expect(sink.records[50]).toMatchObject({ isNonFinite: true, output: new Float32Array(2) });
});
