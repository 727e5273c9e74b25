/** Whole sessions: real threads, compiled workers, real time where the source is paced. */
import { afterEach, describe, expect, it } from 'vitest';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import { smoothFeatures } from '../../src/calibration/feature-matrix.ts';
import { decodingMetrics } from '../../src/calibration/metrics.ts';
import { splitBins } from '../../src/calibration/splits.ts';
import { clipSegments } from '../../src/calibration/training-windows.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { Session } from '../../src/runtime/session.ts';
import type { SessionOptions } from '../../src/runtime/session-parts.ts';
import type { BinRecord, SessionEvent } from '../../src/runtime/sink.ts';
import { randomModel } from '../support/decoder-models.ts';
import { linearRecording } from '../support/linear-recording.ts';
import { randomRecording } from '../support/random-recording.ts';
import { MemorySink, offlineOutputs, wienerModel } from '../support/sessions.ts';
import { runningWorkerCount } from '../support/workers.ts';

const CHANNELS = 12;
const recording = linearRecording({
  binCount: 1500,
  channelCount: CHANNELS,
  seed: 3,
  segments: [
    { startBin: 0, endBin: 700 },
    { startBin: 700, endBin: 1300 },
    { startBin: 1300, endBin: 1500 },
  ],
});
const { test } = splitBins(recording.binCount);
const BINS = test.endBin - test.startBin;
const JOIN = 1300 - test.startBin;
const model = wienerModel(recording);

/** The part of the recording that the model was not fitted on, as fast as it goes. */
const REPLAY: SessionOptions = {
  source: { kind: 'replay', config: { recording, from: { fraction: 0.8 }, speed: 'max' } },
  modelBytes: encodeModel(model),
};

/** Rows of width `count` of a matrix. */
function rowsOf(values: Float32Array, count: number, from: number): number[][] {
  return Array.from({ length: values.length / count - from }, (_, i) => [
    ...values.subarray((from + i) * count, (from + i + 1) * count),
  ]);
}

const column = (records: readonly BinRecord[], name: keyof BinRecord): unknown[] =>
  records.map((record) => record[name]);

afterEach(() => {
  expect(runningWorkerCount()).toBe(0);
});

describe('a replay at full speed', () => {
  it('gives its sinks every bin in order, with what the decoder gives offline', async () => {
    const sink = new MemorySink();
    const other = new MemorySink('other');
    const session = await Session.start({ ...REPLAY, modelName: 'm', sourceName: 's', sinks: [sink, other] });
    const summary = await session.done;
    const { records } = sink;
    expect(records.map(({ output }) => [...output])).toEqual(offlineOutputs(model, recording, test));
    const smoothed = smoothFeatures(
      recording.features,
      CHANNELS,
      clipSegments(recording.segments, test),
      model.features.smoothing,
    );
    expect(records.map(({ features }) => [...features])).toEqual(rowsOf(smoothed, CHANNELS, test.startBin));
    expect(records.map(({ truth }) => [...truth])).toEqual(rowsOf(recording.target.values, 2, test.startBin));
    const indexes = Array.from({ length: BINS }, (_, bin) => bin);
    for (const name of ['binIndex', 'firstFrame', 'lastFrame'] as const)
      expect(column(records, name)).toEqual(indexes);
    expect(column(records, 'isJoin')).toEqual(indexes.map((bin) => bin === JOIN));
    expect(column(records, 'scheduledNs')).toEqual(indexes.map(() => Number.NaN));
    expect(other.records).toEqual(records);
    expect(sink.description).toMatchObject({
      source: 's',
      model: 'm',
      channels: recording.channels,
      binMs: recording.binMs,
      isPaced: false,
      isTruthComparable: true,
    });
    expect(sink.summaries).toEqual([summary]);
  });

  it('sums up what it did: accuracy as offline, every sample, and nothing that only a schedule has', async () => {
    const session = await Session.start({ ...REPLAY, sinks: [new MemorySink()] });
    const summary = await session.done;
    const rows = offlineOutputs(model, recording, test);
    const offline = decodingMetrics(recording.target, Float32Array.from(rows.flat()), test);
    expect(summary.r2).toEqual({
      x: expect.closeTo(offline.r2[0], 10) as number,
      y: expect.closeTo(offline.r2[1], 10) as number,
      mean: expect.closeTo(offline.r2Mean, 10) as number,
    });
    expect(summary.pearson).toMatchObject({ x: expect.closeTo(offline.pearsonR[0], 10) as number });
    const count = BINS * CHANNELS;
    expect(summary.samples).toMatchObject({
      produced: count,
      received: count,
      lost: 0,
      processed: count,
      dropped: 0,
    });
    expect(summary).toMatchObject({
      bins: BINS,
      binMs: 50,
      joins: 1,
      nonFiniteBins: 0,
      deadlineMs: 50,
      deadlineMisses: 0,
      latencyOf: 'computeTime',
      recordsLost: 0,
      sinks: { memory: { written: BINS, lost: 0 } },
      model: 'wiener',
      source: 'replay',
      isRealTime: false,
    });
    expect(summary.latencyUs.count).toBe(BINS);
    expect(Object.keys(summary.latencyByStageUs).sort()).toEqual(['computeTime', 'decoder', 'stages']);
    const { latest, ...status } = session.snapshot();
    expect(latest?.binIndex).toBe(BINS - 1);
    expect(summary).toMatchObject(status);
  });

  it('tells of the join and of the end, to its sinks too', async () => {
    const sink = new MemorySink();
    const events: SessionEvent[] = [];
    const onEvent = (event: SessionEvent): void => void events.push(event);
    await (
      await Session.start({ ...REPLAY, sinks: [sink], onEvent })
    ).done;
    expect(events).toEqual([
      { kind: 'join', frameIndex: JOIN },
      { kind: 'end', frameIndex: BINS },
    ]);
    expect(sink.events.map(({ event }) => event)).toEqual(events);
    expect(sink.events[0].timeNs).toBeLessThanOrEqual(sink.events[1].timeNs);
  });

  it('collects no garbage in 10,000 bins, and loses no record to a busy main thread', async () => {
    const long = randomRecording(1, { binCount: 10_000, channelCount: CHANNELS });
    const shape = { inputCount: CHANNELS, outputCount: 2 };
    const small = { ...randomModel(gru, shape, { hiddenCount: 16 }, 1), binMs: long.binMs };
    const session = await Session.start({
      source: { kind: 'replay', config: { recording: long, speed: 'max' } },
      modelBytes: encodeModel(small),
      sinks: [new MemorySink()],
    });
    const summary = await session.done;
    expect(summary).toMatchObject({ bins: 10_000, garbageCollections: 0, recordsLost: 0 });
    expect(summary.r2).toBeNull(); // the model's labels are not those of the truth
    expect(summary.sinks).toEqual({ memory: { written: 10_000, lost: 0 } });
  });

  it('waits for a slow sink, so that it loses nothing', async () => {
    class SlowSink extends MemorySink {
      override async write(record: BinRecord): Promise<void> {
        await new Promise(setImmediate);
        await super.write(record);
      }
    }
    const sink = new SlowSink();
    // More than queue and ring hold together; record-drain.test.ts is about who waits for whom.
    const config = { recording, loops: 3, speed: 'max' };
    const session = await Session.start({ ...REPLAY, source: { kind: 'replay', config }, sinks: [sink] });
    const summary = await session.done;
    expect(summary.bins).toBe(3 * recording.binCount);
    expect(summary.sinks).toEqual({ memory: { written: summary.bins, lost: 0 } });
    expect(column(sink.records, 'binIndex')).toEqual(Array.from({ length: summary.bins }, (_, bin) => bin));
  });
});

describe('a paced session', () => {
  const array = { seed: 1, channelCount: 8 };
  const simulated = simulateRecording(array, 20, 20);
  const modelBytes = encodeModel(wienerModel(simulated));

  it('decodes half a second of the simulated array in bins of its own frames', async () => {
    const sink = new MemorySink();
    const events: SessionEvent[] = [];
    const session = await Session.start({
      source: { kind: 'simulated', config: { array, startFrame: 16_000, frameCount: 507 } },
      modelBytes,
      deadlineMs: 1000,
      sinks: [sink],
      onEvent: (event) => events.push(event),
    });
    const summary = await session.done;
    expect(summary).toMatchObject({ bins: 25, latencyOf: 'endToEndLatency', deadlineMs: 1000, joins: 0 });
    expect(summary.latencyUs.count).toBe(25);
    expect(Object.keys(summary.latencyByStageUs)).toHaveLength(6);
    expect(summary.samples).toEqual({
      produced: 507 * 8,
      received: 507 * 8,
      lost: 0,
      processed: 500 * 8,
      dropped: 7 * 8,
      lostByReason: { ringFull: 0, deviceGap: 0 },
      droppedByReason: { gap: 0, join: 0, partialBin: 7 * 8 },
    });
    expect(events).toEqual([{ kind: 'end', frameIndex: 507 }]);
    expect(sink.records.map(({ output }) => [...output])).toEqual(
      offlineOutputs(wienerModel(simulated), simulateRecording(array, 0.5, 20, 16_000), {
        startBin: 0,
        endBin: 25,
      }),
    );
    const [first] = sink.records;
    expect(sink.records.map(({ scheduledNs }) => Math.round(scheduledNs - first.scheduledNs))).toEqual(
      sink.records.map((_, bin) => bin * 20e6),
    );
    for (const { scheduledNs, arrivalNs, startNs, stagedNs, decoderNs, doneNs } of sink.records) {
      const stamps = [scheduledNs, arrivalNs, startNs, stagedNs, decoderNs, doneNs];
      expect(stamps).toEqual([...stamps].sort((a, b) => a - b));
    }
  });

  it('ends when it is told to, as often as it is told', async () => {
    const stops: Promise<unknown>[] = [];
    class StoppingSink extends MemorySink {
      override write(record: BinRecord): void {
        void super.write(record);
        stops.push(session.stop(), session.stop());
      }
    }
    const sink = new StoppingSink();
    const events: SessionEvent[] = [];
    const session = await Session.start({
      source: { kind: 'simulated', config: { array } }, // without an end
      modelBytes,
      realTime: false,
      sinks: [sink],
      onEvent: (event) => events.push(event),
    });
    const summary = await session.done;
    expect(stops.length).toBeGreaterThan(0);
    for (const stopped of [...stops, session.stop()]) expect(await stopped).toBe(summary);
    const { produced, received, lost, processed, dropped } = summary.samples;
    expect([produced, received]).toEqual([received + lost, processed + dropped]);
    expect(events.at(-1)).toEqual({ kind: 'end', frameIndex: produced / array.channelCount });
    expect(sink.records).toHaveLength(summary.bins);
    expect(sink.summaries).toEqual([summary]);
  });

  it('goes on without a sink that is behind, which loses its own records only', async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    class ShutSink extends MemorySink {
      override async write(record: BinRecord): Promise<void> {
        await gate;
        await super.write(record);
      }
    }
    const shut = new ShutSink('shut');
    const sink = new MemorySink();
    let told = 0;
    const session = await Session.start({
      // A thousand times as fast as it was: many more bins than a queue holds, in half a second.
      source: { kind: 'replay', config: { recording, loops: 6, speed: 1000 } },
      modelBytes: REPLAY.modelBytes,
      realTime: false,
      sinks: [shut, sink],
      onEvent: (event) => {
        if (event.kind !== 'sinkBehind') return;
        expect(event.sink).toBe('shut');
        told += event.recordCount;
        open();
      },
    });
    const summary = await session.done;
    const { shut: behind, memory } = summary.sinks;
    expect(behind.lost).toBeGreaterThan(0);
    expect(told).toBe(behind.lost);
    expect(shut.records).toHaveLength(behind.written);
    const fetched = summary.bins - summary.recordsLost;
    expect(behind.written + behind.lost).toBe(fetched);
    expect(memory).toEqual({ written: fetched, lost: 0 });
    expect(sink.records).toHaveLength(fetched);
    const indexes = column(shut.records, 'binIndex') as number[];
    expect(indexes).toEqual([...indexes].sort((a, b) => a - b));
  });
});
