/**
 * What a session recording holds: its topics, the messages on them, and the facts about the session. The format is
 * described in docs/formats.md; the schemas here are both what the reader checks and what the file carries.
 */
import { z } from 'zod';

/** Raised when a reader of an older version could misread the file. */
export const SESSION_FORMAT_VERSION = 1;
export const SESSION_PROFILE = 'betz';
export const INFO_METADATA_NAME = 'betz.session';
export const SUMMARY_METADATA_NAME = 'betz.summary';

/**
 * Viewers know only plain numbers in a schema, so the file's schemas say `number`; the reader also takes `null`,
 * which is how JSON writes a number that is not finite.
 */
function messageSchemas<Value extends z.ZodType<number | null>>(value: Value) {
  const binIndex = z.int().nonnegative().describe('Bins since the start of the session.');
  const perOutput = z.array(value);
  return {
    bins: z.object({
      binIndex,
      edgeNs: z
        .number()
        .optional()
        .describe('Scheduled end of the bin, monotonic clock. Absent when unpaced.'),
      features: z.array(value).describe('One number for each channel.'),
    }),
    outputs: z.object({
      binIndex,
      output: perOutput.describe('What the decoder put out for this bin.'),
      generation: z
        .int()
        .nonnegative()
        .default(0)
        .describe('Which decoder made it: 0 is the one that the session began with.'),
      truth: perOutput.optional().describe('The behaviour itself, where it is known.'),
    }),
    latency: z.object({
      binIndex,
      queueDelayUs: value.optional().describe('From the bin edge to the start of the work on it.'),
      computeTimeUs: value.optional().describe('Stages and decoder.'),
      endToEndLatencyUs: value.optional().describe('From the bin edge to the output. Absent when unpaced.'),
    }),
    events: z.object({
      timeNs: z.number().describe('Monotonic clock.'),
      kind: z.string(),
      binIndex: binIndex.optional(),
      detail: z.record(z.string(), z.unknown()),
    }),
  };
}

export const MESSAGE_SCHEMAS = messageSchemas(z.number().nullable());
const VIEWER_SCHEMAS = messageSchemas(z.number());

export const SESSION_TOPICS = ['bins', 'outputs', 'latency', 'events'] as const;
export type SessionTopic = (typeof SESSION_TOPICS)[number];

export type EventMessage = z.infer<typeof MESSAGE_SCHEMAS.events>;

/** The JSON Schema of a topic's messages. */
export function jsonSchemaOf(topic: SessionTopic): object {
  return z.toJSONSchema(VIEWER_SCHEMAS[topic], { io: 'input' });
}

const infoSchema = z.object({
  /** Name of the model in service. */
  model: z.string(),
  /** Hash of the model file; empty where the model was never saved. */
  modelHash: z.string(),
  /** Kind of source, or the recording that is replayed. */
  source: z.string(),
  binMs: z.number().positive(),
  /** False when bins came as fast as they could be decoded. */
  isPaced: z.boolean(),
  channelLabels: z.array(z.string()),
  featureUnit: z.string(),
  output: z.object({ name: z.string(), labels: z.array(z.string()), unit: z.string() }),
  /** The whole configuration of the session. */
  config: z.record(z.string(), z.unknown()),
  /** Of the program, Node and whatever else decides about results. */
  versions: z.record(z.string(), z.string()),
  /** One instant on both clocks: ties the monotonic times of the session to the date. */
  anchor: z.object({ monotonicNs: z.number(), wallClockMs: z.number() }),
});

export type SessionInfo = z.infer<typeof infoSchema>;

/** MCAP metadata are strings: what is not a string is written as JSON. */
export function encodeMetadata(values: Readonly<Record<string, unknown>>): Map<string, string> {
  return new Map(
    Object.entries(values).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value ?? null),
    ]),
  );
}

export function encodeInfo(info: SessionInfo): Map<string, string> {
  return encodeMetadata({ formatVersion: SESSION_FORMAT_VERSION, ...infoSchema.parse(info) });
}

/** Undefined where the metadata are not those of a session. */
export function decodeInfo(metadata: ReadonlyMap<string, string>): SessionInfo | undefined {
  const values: Record<string, unknown> = {};
  for (const [key, text] of metadata) values[key] = STRING_KEYS.has(key) ? text : parseJson(text);
  return infoSchema.safeParse(values).data;
}

const STRING_KEYS = new Set(['model', 'modelHash', 'source', 'featureUnit']);

/** Undefined for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
