/** A session recording in memory, as columns. */
import type { EventMessage, SessionInfo } from './session-messages.ts';
import { visitSession } from './session-reader.ts';
import type { SessionEnd } from './session-reader.ts';

/** What is not known is NaN. Rows are in the order in which they were written, one for each bin recorded. */
export interface SessionRecording extends SessionEnd {
  bins: {
    count: number;
    binIndex: Float64Array;
    edgeNs: Float64Array;
    /** [count x channelLabels.length], row-major. */
    features: Float32Array;
  };
  outputs: {
    count: number;
    binIndex: Float64Array;
    /** [count x output.labels.length], row-major. */
    output: Float32Array;
    /** Which decoder made it; 0 is the one that the session began with. */
    generation: Float64Array;
    truth: Float32Array;
  };
  latency: {
    count: number;
    binIndex: Float64Array;
    queueDelayUs: Float64Array;
    computeTimeUs: Float64Array;
    endToEndLatencyUs: Float64Array;
  };
  events: readonly EventMessage[];
}

/** Reads the whole file; `visitSession` reads one that does not fit into memory. Throws what that throws. */
export function readSession(path: string): SessionRecording {
  const column = (): Column<Float64Array> => new Column((length) => new Float64Array(length));
  const rows = (): Column<Float32Array> => new Column((length) => new Float32Array(length));
  const bins = { binIndex: column(), edgeNs: column(), features: rows() };
  const outputs = { binIndex: column(), output: rows(), generation: column(), truth: rows() };
  const latency = {
    binIndex: column(),
    queueDelayUs: column(),
    computeTimeUs: column(),
    endToEndLatencyUs: column(),
  };
  const events: EventMessage[] = [];

  const end = visitSession(path, ({ topic, message }, info: SessionInfo) => {
    switch (topic) {
      case 'bins':
        bins.binIndex.push(message.binIndex);
        bins.edgeNs.push(message.edgeNs);
        bins.features.append(message.features);
        break;
      case 'outputs':
        outputs.binIndex.push(message.binIndex);
        outputs.output.append(message.output);
        outputs.generation.push(message.generation);
        outputs.truth.append(message.truth ?? info.output.labels.map(() => null));
        break;
      case 'latency':
        latency.binIndex.push(message.binIndex);
        latency.queueDelayUs.push(message.queueDelayUs);
        latency.computeTimeUs.push(message.computeTimeUs);
        latency.endToEndLatencyUs.push(message.endToEndLatencyUs);
        break;
      case 'events':
        events.push(message);
        break;
    }
  });
  return {
    ...end,
    bins: {
      count: bins.binIndex.length,
      binIndex: bins.binIndex.values(),
      edgeNs: bins.edgeNs.values(),
      features: bins.features.values(),
    },
    outputs: {
      count: outputs.binIndex.length,
      binIndex: outputs.binIndex.values(),
      output: outputs.output.values(),
      generation: outputs.generation.values(),
      truth: outputs.truth.values(),
    },
    latency: {
      count: latency.binIndex.length,
      binIndex: latency.binIndex.values(),
      queueDelayUs: latency.queueDelayUs.values(),
      computeTimeUs: latency.computeTimeUs.values(),
      endToEndLatencyUs: latency.endToEndLatencyUs.values(),
    },
    events,
  };
}

/** A typed array that grows. */
class Column<Numbers extends Float32Array | Float64Array> {
  length = 0;
  private readonly create: (length: number) => Numbers;
  private numbers: Numbers;

  constructor(create: (length: number) => Numbers) {
    this.create = create;
    this.numbers = create(1024);
  }

  push(value: number | null | undefined): void {
    if (this.length === this.numbers.length) {
      const larger = this.create(this.length * 2);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.numbers[this.length++] = value ?? NaN;
  }

  append(values: readonly (number | null)[]): void {
    for (const value of values) this.push(value);
  }

  values(): Numbers {
    return this.numbers.subarray(0, this.length) as Numbers; // TypeScript types a subarray as the wider union
  }
}
