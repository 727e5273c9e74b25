/** What whole sessions need in tests: something to decode, a model for it, sinks, and workers that misbehave. */
import type { StreamInfo } from '../../src/acquisition/source.ts';
import { decodeRange } from '../../src/calibration/decode-range.ts';
import { fitWiener } from '../../src/calibration/closed-form-wiener.ts';
import type { BinRange, Splits } from '../../src/calibration/splits.ts';
import { splitBins } from '../../src/calibration/splits.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { findDecoderKind } from '../../src/decoders/registry.ts';
import { compiledUrl } from '../../src/host/compiled.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import type { BinRecord, SessionDescription, Sink, TimedEvent } from '../../src/runtime/sink.ts';
import { workerScript } from './workers.ts';

/** Keeps all it is given. */
export class MemorySink implements Sink {
  readonly name: string;
  readonly records: BinRecord[] = [];
  readonly events: TimedEvent[] = [];
  description: SessionDescription | undefined;
  readonly summaries: Readonly<Record<string, unknown>>[] = [];

  constructor(name = 'memory') {
    this.name = name;
  }

  open(description: SessionDescription): void | Promise<void> {
    this.description = description;
  }

  write(record: BinRecord): void | Promise<void> {
    this.records.push(record);
  }

  writeEvent(event: TimedEvent): void | Promise<void> {
    this.events.push(event);
  }

  lostRecords(): number {
    return 0;
  }

  close(summary: Readonly<Record<string, unknown>>): void | Promise<void> {
    this.summaries.push(summary);
  }
}

/** A Wiener filter, which takes no time to fit and carries state from bin to bin all the same. */
export function wienerModel(
  recording: BinnedRecording,
  splits: Splits = splitBins(recording.binCount),
): Model {
  const { smoothing, ...fitted } = fitWiener(recording, splits).model;
  const { name, labels, unit } = recording.target;
  return {
    ...fitted,
    kind: 'wiener',
    features: { name: 'spikeCounts', smoothing, channelLabels: recording.channels.map(({ label }) => label) },
    output: { name, labels, unit },
    binMs: recording.binMs,
    provenance: {},
  };
}

/** What the model decodes offline, as rows. */
export function offlineOutputs(model: Model, recording: BinnedRecording, range: BinRange): number[][] {
  const decoder = findDecoderKind(model.kind).createDecoder(model, loadKernels());
  const outputs = decodeRange(decoder, model, recording, range);
  const width = model.shape.outputCount;
  return Array.from({ length: outputs.length / width }, (_, bin) => [
    ...outputs.subarray(bin * width, (bin + 1) * width),
  ]);
}

/**
 * A source worker that publishes frames of ones, unpaced and in chunks of one, and then does what `ending` says.
 * @param ending may call `publish(frame, value)` and `end(account)`
 */
export function sourceWorker(stream: StreamInfo, frameCount: number, ending: string): URL {
  return workerScript(`
    import { BetzError } from ${JSON.stringify(compiledUrl('core/errors.js').href)};
    import { SessionMemory } from ${JSON.stringify(compiledUrl('runtime/session-memory.js').href)};
    import { WorkerPort } from ${JSON.stringify(compiledUrl('runtime/worker-port.js').href)};
    const port = new WorkerPort();
    await port.serve(async () => {
      port.post({ kind: 'opened', stream: ${JSON.stringify(stream)} });
      const { kind, plan, buffers } = await port.nextCommand();
      if (kind === 'close') return;
      const memory = new SessionMemory(plan, buffers);
      const publish = (frame, value) => {
        while (!memory.chunks.waitForSpace(1000));
        const slot = memory.chunks.claim();
        slot.header.set([frame, frame, 1, NaN, 0, 0]);
        slot.samples.fill(value);
        slot.truth.fill(frame);
        memory.chunks.publish();
      };
      const end = (account) => {
        memory.chunks.close();
        port.post({ kind: 'ended', account });
      };
      for (let frame = 0; frame < ${frameCount}; frame++) publish(frame, 1);
      ${ending}
    });
  `);
}

/**
 * A decode worker that is ready, waits for the first chunk, so that the session has begun, and then does what `ending` says.
 */
export function decodeWorker(ending: string): URL {
  return workerScript(`
    import { parentPort } from 'node:worker_threads';
    import { DecoderExchange } from ${JSON.stringify(compiledUrl('runtime/decoder-exchange.js').href)};
    import { SessionMemory } from ${JSON.stringify(compiledUrl('runtime/session-memory.js').href)};
    parentPort.once('message', ({ plan, buffers }) => {
      parentPort.postMessage({ kind: 'ready', variant: 'simd', isRealTime: false, exchange: new DecoderExchange(0).buffers });
      const memory = new SessionMemory(plan, buffers);
      while (memory.chunks.queuedCount() === 0) memory.chunks.waitForChunk(1000);
      ${ending}
    });
  `);
}

/** A record of a paced session: every number in it follows from the bin's index. */
export function binRecord(binIndex: number, channelCount = 3): BinRecord {
  const scheduledNs = 5e9 + (binIndex + 1) * 10e6;
  return {
    binIndex,
    firstFrame: binIndex * 10,
    lastFrame: binIndex * 10 + 9,
    scheduledNs,
    arrivalNs: scheduledNs + 10_000,
    startNs: scheduledNs + 30_000,
    stagedNs: scheduledNs + 33_000,
    decoderNs: scheduledNs + 34_000,
    doneNs: scheduledNs + 74_000,
    generation: 0,
    isJoin: false,
    isNonFinite: false,
    features: Float32Array.from({ length: channelCount }, (_, i) => (binIndex + i) % 5),
    output: Float32Array.of(binIndex / 8, -(binIndex + 1) / 4),
    truth: Float32Array.of(binIndex / 2, 0.25),
  };
}
