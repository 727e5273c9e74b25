import { describe, expect, it } from 'vitest';
import { withDriftReference } from '../../src/calibration/drift/model-drift.ts';
import { DriftMonitor } from '../../src/calibration/drift/drift-monitor.ts';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { DriftWatch } from '../../src/runtime/drift-watch.ts';
import { Session } from '../../src/runtime/session.ts';
import type { BinRecord, SessionEvent } from '../../src/runtime/sink.ts';
import { binRecord, MemorySink, wienerModel } from '../support/sessions.ts';

const CHANNELS = 16;
const BIN_MS = 20;
const NONE = { gainSpread: 0, offsetSpread: 0, rotationDeg: 0, lossPerDay: 0, arrivalPerDay: 0 };
const array = { seed: 5, channelCount: CHANNELS };
const monday = simulateRecording(array, 60, BIN_MS);
const tuesday = simulateRecording({ ...array, day: 30 }, 60, BIN_MS);
/** 60 s more of each day. */
const mondayLater = simulateRecording(array, 60, BIN_MS, 60_000);
const tuesdayLater = simulateRecording({ ...array, day: 30 }, 60, BIN_MS, 60_000);
const withoutReference = wienerModel(monday);
const ofMonday = withDriftReference(withoutReference, monday);
const ofTuesday = withDriftReference(withoutReference, tuesday);

type DriftEvent = Extract<SessionEvent, { kind: 'drift' }>;

function watchOf(model: Model) {
  const events: DriftEvent[] = [];
  const watch = new DriftWatch(model, (event) => void events.push(event as DriftEvent));
  let binIndex = 0;
  const take = (recording: BinnedRecording, generation = 0, changes: Partial<BinRecord> = {}): void => {
    for (let bin = 0; bin < recording.binCount; bin++) {
      const features = recording.features.slice(bin * CHANNELS, (bin + 1) * CHANNELS);
      watch.take({ ...binRecord(binIndex++), features, generation, ...changes });
    }
  };
  return { watch, events, take };
}

// The features of these recordings are as a decoder without smoothing gets them.
const plain = (model: Model): Model => ({ ...model, features: { ...model.features, smoothing: 0 } });
const mondayModel = withDriftReference(plain(withoutReference), monday);
const tuesdayModel = withDriftReference(plain(withoutReference), tuesday);

describe('DriftWatch', () => {
  it('says nothing on the day of calibration, and has the index of a monitor', () => {
    const { watch, events, take } = watchOf(mondayModel);
    expect(watch.status()).toMatchObject({ index: 0, isRecalibrationAdvised: false, advisedSinceBin: null });
    take(mondayLater);
    const monitor = new DriftMonitor(mondayModel.drift!);
    for (let bin = 0; bin < mondayLater.binCount; bin++)
      monitor.update(mondayLater.features.subarray(bin * CHANNELS, (bin + 1) * CHANNELS));
    const { ignoredBinCount, ...report } = monitor.report();
    expect(events).toEqual([]);
    expect(watch.status()).toEqual({ ...report, lostChannels: [], advisedSinceBin: null, ignoredBins: 0 });
    expect(ignoredBinCount).toBe(0);
  });

  it('tells of the advice and of its end, each once, with the bin', () => {
    const { watch, events, take } = watchOf(mondayModel);
    take(tuesday);
    expect(events).toHaveLength(1);
    const [raised] = events;
    const { advisedSinceBin, index, threshold, reasons } = watch.status()!;
    expect(raised).toMatchObject({ isRecalibrationAdvised: true, binIndex: advisedSinceBin, threshold });
    expect(raised.index).toBeGreaterThan(threshold);
    expect(index).toBeGreaterThan(threshold);
    expect(reasons).not.toEqual([]);
    take(mondayLater);
    expect(events).toHaveLength(2);
    expect(events[1]).toMatchObject({ isRecalibrationAdvised: false, changed: 'signal' });
    expect(events[1].binIndex).toBeGreaterThan(tuesday.binCount);
    expect(events[1].index).toBeLessThan(threshold);
    expect(watch.status()).toMatchObject({ advisedSinceBin: null, reasons: [] });
  });

  it('names lost channels by their labels', () => {
    const lost = simulateRecording({ ...array, day: 10, drift: { ...NONE, lossPerDay: 0.05 } }, 60, BIN_MS);
    const { mean } = mondayModel.drift!;
    const silent = Array.from({ length: CHANNELS }, (_, c) => c).filter(
      (c) => mean[c] > 0.05 && lost.features.every((count, i) => i % CHANNELS !== c || count === 0),
    );
    expect(silent.length).toBeGreaterThan(0);
    const { watch, events, take } = watchOf(mondayModel);
    take(lost);
    const labels = silent.map((channel) => monday.channels[channel].label);
    expect(watch.status()?.lostChannels).toEqual(labels);
    expect(events[0]).toMatchObject({ reasons: ['lostChannels'], lostChannels: labels });
  });

  it('does not mind joins, and counts bins that are not finite', () => {
    const straight = watchOf(mondayModel);
    straight.take(mondayLater);
    const joined = watchOf(mondayModel);
    joined.take(mondayLater, 0, { isJoin: true });
    expect(joined.watch.status()).toEqual(straight.watch.status());
    joined.take({ ...monday, binCount: 3, features: new Float32Array(3 * CHANNELS).fill(Number.NaN) });
    expect(joined.watch.status()).toEqual({ ...straight.watch.status(), ignoredBins: 3 });
  });

  it('measures each decoder from its own model, from the first bin that it decodes', () => {
    const { watch, events, take } = watchOf(mondayModel);
    take(tuesday);
    watch.expect(1, tuesdayModel);
    expect(watch.status()?.threshold, 'no bin of it yet').toBe(
      new DriftMonitor(mondayModel.drift!).threshold,
    );
    take(tuesdayLater, 1);
    expect(events.slice(1)).toEqual([
      {
        kind: 'drift',
        isRecalibrationAdvised: false,
        binIndex: tuesday.binCount,
        index: 0,
        threshold: new DriftMonitor(tuesdayModel.drift!).threshold,
        changed: 'decoder',
      },
    ]);
    const alone = watchOf(tuesdayModel);
    alone.take(tuesdayLater);
    expect(watch.status()).toEqual(alone.watch.status());
    take(tuesdayLater, 0); // rolled back
    expect(events).toHaveLength(3);
    expect(events[2]).toMatchObject({ isRecalibrationAdvised: true });
    expect(watch.status()?.threshold).toBe(new DriftMonitor(mondayModel.drift!).threshold);
  });

  it('says nothing of a decoder that has no reference: that of another would ask for a calibration just made', () => {
    const { watch, events, take } = watchOf(mondayModel);
    take(tuesday);
    watch.expect(1, plain(withoutReference));
    take({ ...tuesday, binCount: 1 }, 1);
    expect(events.slice(1)).toMatchObject([{ isRecalibrationAdvised: false, changed: 'decoder' }]);
    expect(watch.status()).toBeNull();
    watch.expect(2, tuesdayModel);
    take({ ...tuesday, binCount: 1 }, 2);
    expect(watch.status()?.threshold).toBe(new DriftMonitor(tuesdayModel.drift!).threshold);
    take({ ...tuesday, binCount: 1 }, 1);
    expect(watch.status()).toBeNull();
    expect(events).toHaveLength(2);
  });

  it('has nothing to say without a reference, until a decoder brings one', () => {
    const { watch, events, take } = watchOf(plain(withoutReference));
    take(monday);
    expect(watch.status()).toBeNull();
    watch.expect(1, mondayModel);
    take(tuesday, 1);
    expect(events).toMatchObject([{ isRecalibrationAdvised: true }]);
    expect(watch.status()?.isRecalibrationAdvised).toBe(true);
    take(tuesday, 0); // rolled back: the reference of a decoder that is gone says nothing of this one
    expect(events.slice(1)).toMatchObject([{ isRecalibrationAdvised: false, changed: 'decoder' }]);
    expect(watch.status()).toBeNull();
  });
});

describe('a session', () => {
  const run = async (model: Model, day: number, sink: MemorySink, events: SessionEvent[] = []) => {
    const session = await Session.start({
      source: {
        kind: 'simulated',
        config: { array: { ...array, day }, startFrame: 60_000, frameCount: 30_000, speed: 'max' },
      },
      modelBytes: encodeModel(model),
      sinks: [sink],
      onEvent: (event) => void events.push(event),
    });
    return session;
  };

  it('watches the features that the decoder gets, and is quiet on the day of calibration', async () => {
    const sink = new MemorySink();
    const session = await run(ofMonday, 0, sink);
    const { drift } = await session.done;
    const monitor = new DriftMonitor(ofMonday.drift!);
    for (const { features } of sink.records) monitor.update(features);
    expect(drift).toMatchObject({
      index: monitor.currentIndex(),
      isRecalibrationAdvised: false,
      reasons: [],
    });
    expect(drift?.index).toBeGreaterThan(0.3);
    expect(session.snapshot().drift).toEqual(drift);
    expect(sink.events.map(({ event }) => event.kind)).toEqual(['end']);
  });

  it('tells its sinks and whoever listens when the signal is that of another day', async () => {
    const sink = new MemorySink();
    const events: SessionEvent[] = [];
    const { drift } = await (await run(ofMonday, 30, sink, events)).done;
    const told = events.filter(({ kind }) => kind === 'drift');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ isRecalibrationAdvised: true, binIndex: drift?.advisedSinceBin });
    expect(sink.events.map(({ event }) => event)).toEqual(events);
    expect(sink.summaries[0]['drift']).toEqual(drift);
  });

  it('has no drift without a reference', async () => {
    const sink = new MemorySink();
    expect((await (await run(withoutReference, 30, sink)).done).drift).toBeNull();
    expect(sink.events.map(({ event }) => event.kind)).toEqual(['end']);
  });

  it('takes the reference of a promoted decoder from its first bin on, and gives it back with a rollback', async () => {
    class ChangingSink extends MemorySink {
      readonly queueRecords = 256; // what the decode thread may be ahead by
      readonly swaps: Promise<{ binIndex: number }>[] = [];
      override write(record: BinRecord): void {
        void super.write(record);
        if (record.binIndex === 700) this.swaps.push(session.promote(ofTuesday));
        if (record.binIndex === 5000) this.swaps.push(session.rollback());
      }
    }
    const sink = new ChangingSink();
    const events: SessionEvent[] = [];
    const session = await Session.start({
      source: {
        kind: 'replay',
        config: { recording: tuesday, loops: 3, speed: 'max' },
      },
      modelBytes: encodeModel(ofMonday),
      sinks: [sink],
      onEvent: (event) => void events.push(event),
    });
    const { drift, bins } = await session.done;
    const [promoted, back] = await Promise.all(sink.swaps);
    expect(bins).toBe(9000);
    const told = events.filter((event): event is DriftEvent => event.kind === 'drift');
    expect(told).toMatchObject([
      { isRecalibrationAdvised: true },
      { isRecalibrationAdvised: false, changed: 'decoder', binIndex: promoted.binIndex, index: 0 },
      { isRecalibrationAdvised: true },
    ]);
    expect(told[0].binIndex).toBeLessThan(700);
    expect(told[2].binIndex).toBeGreaterThan(back.binIndex);
    expect(drift).toMatchObject({ threshold: told[0].threshold, advisedSinceBin: told[2].binIndex });
  });
});
