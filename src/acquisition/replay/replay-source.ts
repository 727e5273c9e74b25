/**
 * A recording as if it were live: one frame per bin, in real time, faster, or as fast as the consumer takes them. The
 * recording's joins, and the way back to the start of a replay that loops, become joins of the stream.
 */
import { z } from 'zod';
import { BetzError } from '../../core/errors.ts';
import type { BinnedRecording } from '../../core/recording.ts';
import type { FrameBatch, FrameStream, UntimedStreamInfo } from '../frame-stream.ts';
import { defineSourceKind } from '../source-config.ts';
import { sourceSpeed, StreamSource } from '../stream-source.ts';
import { replayPosition, replayRange } from './replay-range.ts';

const values = z.custom<Float32Array>((value) => value instanceof Float32Array, 'not a Float32Array');
const wholeNumber = z.int().min(0);
const label = z.string();

/** Its arrays may lie on SharedArrayBuffers, and then cross the thread border without a copy. */
const binnedRecording = z
  .strictObject({
    name: z.string(),
    binMs: z.number().positive(),
    binCount: z.int().min(1),
    channels: z
      .array(z.strictObject({ label, unit: z.string() }))
      .min(1)
      .readonly(),
    features: values,
    target: z.strictObject({
      name: z.string(),
      labels: z.array(label).min(1).readonly(),
      unit: z.string(),
      values,
    }),
    lagMs: z.number().exactOptional(),
    segments: z
      .array(z.strictObject({ startBin: wholeNumber, endBin: wholeNumber }))
      .min(1)
      .readonly(),
  })
  .superRefine((recording, context) => {
    const problem = inconsistency(recording);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

const replaySourceConfig = z.strictObject({
  recording: binnedRecording,
  /** [from, to): the part that is replayed. */
  from: replayPosition.default(0),
  to: replayPosition.default({ fraction: 1 }),
  /** How often it is replayed. */
  loops: z.int().min(1).max(1_000_000).default(1),
  speed: sourceSpeed,
});

type ReplaySourceConfig = z.output<typeof replaySourceConfig>;
export type ReplaySourceOptions = z.input<typeof replaySourceConfig>;

export const replaySource = defineSourceKind(
  'replay',
  replaySourceConfig,
  (config, { clock }) => new StreamSource(new ReplayStream(config), config.speed, clock),
);

class ReplayStream implements FrameStream {
  private readonly recording: BinnedRecording;
  private readonly startBin: number;
  private readonly endBin: number;
  private readonly loops: number;
  /** First bins of segments. */
  private readonly joins: ReadonlySet<number>;
  private readonly batch: FrameBatch = { frameCount: 1, isJoin: false };
  private loop = 0;
  private bin: number;

  constructor({ recording, from, to, loops }: ReplaySourceConfig) {
    const { startBin, endBin } = replayRange(from, to, recording.binCount);
    this.recording = recording;
    this.startBin = startBin;
    this.endBin = endBin;
    this.loops = loops;
    this.joins = new Set(recording.segments.map((segment) => segment.startBin));
    this.bin = startBin;
  }

  prepare(): UntimedStreamInfo {
    const { channels, features, target, binMs } = this.recording;
    expectFinite(features, channels.length, 'features');
    expectFinite(target.values, target.labels.length, target.name);
    return {
      channels,
      sampleRateHz: 1000 / binMs,
      clockDomain: 'replay',
      maxFramesPerChunk: 1,
      truth: { name: target.name, labels: target.labels, unit: target.unit },
      frameCount: (this.endBin - this.startBin) * this.loops,
    };
  }

  read(samples: Float32Array, truth: Float32Array): FrameBatch | undefined {
    const { batch, recording } = this;
    if (this.bin === this.endBin) {
      this.bin = this.startBin;
      this.loop++;
    }
    if (this.loop === this.loops) return undefined;
    const isFirst = this.bin === this.startBin;
    batch.isJoin = isFirst ? this.loop > 0 : this.joins.has(this.bin);
    copyRow(recording.features, recording.channels.length, this.bin, samples);
    copyRow(recording.target.values, recording.target.labels.length, this.bin, truth);
    this.bin++;
    return batch;
  }
}

function copyRow(matrix: Float32Array, columnCount: number, row: number, into: Float32Array): void {
  const at = row * columnCount;
  for (let column = 0; column < columnCount; column++) into[column] = matrix[at + column];
}

/** What does not fit together, in words. */
function inconsistency(recording: BinnedRecording): string | undefined {
  const { binCount, channels, features, target, segments } = recording;
  if (features.length !== binCount * channels.length) {
    return `${binCount} bins of ${channels.length} channels need ${binCount * channels.length} features, not ${features.length}`;
  }
  if (target.values.length !== binCount * target.labels.length) {
    return `${binCount} bins of ${target.labels.length} target dimensions need ${binCount * target.labels.length} values, not ${target.values.length}`;
  }
  let bin = 0;
  for (const { startBin, endBin } of segments) {
    if (startBin !== bin || endBin <= startBin) return `no segment begins at bin ${bin}, or it is empty`;
    bin = endBin;
  }
  return bin === binCount ? undefined : `the segments end at bin ${bin} of ${binCount}`;
}

function expectFinite(matrix: Float32Array, columnCount: number, name: string): void {
  const index = matrix.findIndex((value) => !Number.isFinite(value));
  if (index < 0) return;
  const bin = Math.floor(index / columnCount);
  throw new BetzError(
    'ACQ_RECORDING_NOT_FINITE',
    `bin ${bin} of the recording has a value in ${name} that is not a number`,
    {
      value: matrix[index],
      tip: 'Repair the recording, or replay a part without it (--from, --to).',
    },
  );
}
