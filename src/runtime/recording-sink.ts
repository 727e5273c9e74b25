/** Lets a session write its recording: a thin adapter between a session's records and recording/session-writer.ts. */
import { SessionWriter } from '../recording/session-writer.ts';
import type { BinRecord, SessionDescription, Sink, TimedEvent } from './sink.ts';

export interface RecordingOptions {
  path: string;
  /** Default false: an existing file is LOG_FILE_EXISTS. */
  overwrite?: boolean;
  /** Hash of the model file; empty where the model was never saved. */
  modelHash: string;
  /** The whole configuration of the session. */
  config: Readonly<Record<string, unknown>>;
  /** Of the program, Node and whatever else decides about results. */
  versions: Readonly<Record<string, string>>;
}

export class RecordingSink implements Sink {
  readonly name = 'recording';
  private readonly options: RecordingOptions;
  private writer: SessionWriter | undefined;
  private isPaced = true;
  private hasTruth = false;
  private failure: Error | undefined;

  constructor(options: RecordingOptions) {
    this.options = options;
  }

  async open(description: SessionDescription): Promise<void> {
    const { path, overwrite = false, modelHash, config, versions } = this.options;
    this.isPaced = description.isPaced;
    this.hasTruth = description.isTruthComparable;
    this.writer = await SessionWriter.create(
      path,
      {
        model: description.model,
        modelHash,
        source: description.source,
        binMs: description.binMs,
        isPaced: description.isPaced,
        channelLabels: description.channels.map((channel) => channel.label),
        featureUnit: description.channels[0]?.unit ?? 'count',
        output: { ...description.output, labels: [...description.output.labels] },
        config: { ...config },
        versions: { ...versions },
        anchor: { monotonicNs: description.anchorNs, wallClockMs: description.anchorUnixMs },
      },
      {
        overwrite,
        onFailure: (failure) => {
          this.failure = failure;
        },
      },
    );
  }

  /** Copies the record; only where there is no schedule to keep does it wait for the disk. */
  async write(record: BinRecord): Promise<void> {
    if (this.writer === undefined) return;
    if (this.failure !== undefined) throw this.failure; // before the writer counts the record as lost, too
    this.writer.writeBin({
      binIndex: record.binIndex,
      edgeNs: record.scheduledNs,
      features: record.features,
      output: record.output,
      generation: record.generation,
      ...(this.hasTruth ? { truth: record.truth } : {}),
      queueDelayUs: (record.startNs - record.arrivalNs) / 1000,
      computeTimeUs: (record.stagedNs - record.startNs + (record.doneNs - record.decoderNs)) / 1000,
      endToEndLatencyUs: (record.doneNs - record.scheduledNs) / 1000,
    });
    if (!this.isPaced) await this.writer.ready();
  }

  writeEvent({ event, timeNs }: TimedEvent): void {
    const { kind, ...detail } = event;
    this.writer?.writeEvent({ timeNs, kind, detail: plainDetail(detail) });
  }

  lostRecords(): number {
    return this.writer?.account().droppedBins ?? 0;
  }

  async close(summary: Readonly<Record<string, unknown>>): Promise<void> {
    await this.writer?.close(summary);
  }
}

/** Errors become their text: a recording holds plain JSON. */
function plainDetail(detail: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(detail).map(([name, value]) => [name, value instanceof Error ? value.message : value]),
  );
}
