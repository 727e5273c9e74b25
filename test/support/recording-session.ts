/** A session to write in tests: every number in it follows from the bin's index. */
import type { SessionInfo } from '../../src/recording/session-messages.ts';
import { SessionWriter } from '../../src/recording/session-writer.ts';
import type { BinRecord } from '../../src/recording/session-records.ts';
import { compiledUrl } from '../../src/host/compiled.ts';

export const BIN_NS = 10e6;
const START_NS = 5e9;

export function sessionInfo(channelCount = 3, changes: Partial<SessionInfo> = {}): SessionInfo {
  return {
    model: 'gru 96-256',
    modelHash: 'sha256:00ff',
    source: 'simulated',
    binMs: BIN_NS / 1e6,
    isPaced: true,
    channelLabels: Array.from({ length: channelCount }, (_, i) => `ch${i}`),
    featureUnit: 'count',
    output: { name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' },
    config: { smoothing: { a: 0.5 }, seed: 7 },
    versions: { betz: '0.1.0', node: '20.20.2' },
    anchor: { monotonicNs: START_NS, wallClockMs: Date.UTC(2024, 0, 2, 3, 4, 5) },
    ...changes,
  };
}

export function edgeNsOf(binIndex: number): number {
  return START_NS + (binIndex + 1) * BIN_NS;
}

export function binRecord(binIndex: number, channelCount = 3): BinRecord {
  return {
    binIndex,
    edgeNs: edgeNsOf(binIndex),
    features: Float32Array.from({ length: channelCount }, (_, i) => (binIndex + i) % 5),
    output: Float32Array.of(binIndex / 8, -(binIndex + 1) / 4),
    generation: binIndex < 50 ? 0 : 1,
    truth: Float32Array.of(binIndex / 2, 0.1),
    queueDelayUs: 12.5,
    computeTimeUs: 20 + (binIndex % 3),
    endToEndLatencyUs: 150.25,
  };
}

/** A whole session with an event at the start and one after every 100 bins. Returns the path. */
export async function writeSession(path: string, binCount: number): Promise<string> {
  const writer = await SessionWriter.create(path, sessionInfo());
  writer.writeEvent({ timeNs: edgeNsOf(0) - 1, kind: 'start' });
  for (let i = 0; i < binCount; i++) {
    writer.writeBin(binRecord(i));
    if (i % 100 === 99) {
      writer.writeEvent({ timeNs: edgeNsOf(i), kind: 'mark', binIndex: i, detail: { label: 'go' } });
    }
  }
  await writer.close({ r2: { x: 0.9, y: 0.8 }, note: 'all well' });
  return path;
}

/**
 * A program for another process, which has `writer`, `binRecord` and the codes of `failures`. It runs the compiled
 * writer, since Node cannot run this file.
 */
export function childWriter(path: string, script: string): string {
  const { edgeNs, ...bin } = binRecord(0);
  const plain = { ...bin, features: Array.from(bin.features), output: [1, 2], truth: [3, 4] };
  return `
    import { SessionWriter } from ${JSON.stringify(compiledUrl('recording/session-writer.js').href)};
    const failures = [];
    const writer = await SessionWriter.create(${JSON.stringify(path)}, ${JSON.stringify(sessionInfo())}, {
      onFailure: (failure) => failures.push(failure.code),
    });
    const binRecord = (binIndex) => ({
      ...${JSON.stringify(plain)},
      binIndex,
      edgeNs: ${edgeNs} + binIndex * ${BIN_NS},
    });
    ${script}`;
}
