/**
 * Which data a model has learned from, so that a figure on them is not taken for one on new data. A recording is known by the
 * counts of its first seconds, not by its name: files are renamed and copied, and those of many days bear the same name.
 * Whoever learns from a recording, or a part of it, begins at its start.
 */
import { z } from 'zod';
import { crc32 } from '../core/crc32.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { SESSION_S_MIN } from './session/held-out-blocks.ts';

export interface LearnedData {
  name: string;
  fingerprint: string;
  /** From the recording's first bin on. */
  binCount: number;
}

/** Fewer tell too little: the recording is then taken for a new one. */
const SPIKES_MIN = 50;

const learnedFrom = z.array(z.object({ fingerprint: z.string(), binCount: z.int() }));
const provenanceSchema = z.record(z.string(), z.unknown());

/** For the provenance, as `learnedFrom`. @param binCount what was learned from, if not all */
export function learnedData(
  recordings: readonly BinnedRecording[],
  binCount = Infinity,
): { learnedFrom: LearnedData[] } {
  const known = recordings.flatMap((recording) => {
    const fingerprint = fingerprintOf(recording);
    if (fingerprint === undefined) return [];
    return [{ name: recording.name, fingerprint, binCount: Math.min(binCount, recording.binCount) }];
  });
  return { learnedFrom: known };
}

/** How many of the recording's bins, from the first one on, the model or one that it came from has learned from. */
export function learnedBinCount(model: Model, recording: BinnedRecording): number {
  const fingerprint = fingerprintOf(recording);
  let count = 0;
  let provenance: Model['provenance'] | undefined = model.provenance;
  while (provenance !== undefined) {
    const { data = [] } = learnedFrom.safeParse(provenance['learnedFrom']);
    for (const each of data) if (each.fingerprint === fingerprint) count = Math.max(count, each.binCount);
    // Whatever learned from scratch has nothing of its base.
    const isFresh: boolean = provenance['method'] === 'scratch';
    provenance = isFresh ? undefined : provenanceSchema.safeParse(provenance['base']).data;
  }
  return count;
}

function fingerprintOf({ features, channels, binMs }: BinnedRecording): string | undefined {
  const head = features.slice(0, Math.round((SESSION_S_MIN * 1000) / binMs) * channels.length);
  if (head.reduce((sum, count) => sum + count, 0) < SPIKES_MIN) return undefined;
  return crc32(new Uint8Array(head.buffer)).toString(16).padStart(8, '0');
}
