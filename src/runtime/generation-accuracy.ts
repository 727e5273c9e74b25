/** How well each decoder of a session decodes, over the bins that it decodes itself. */
import { RunningMetrics } from '../core/running-metrics.ts';
import type { RunningAccuracy } from '../core/running-metrics.ts';
import type { BinRecord } from './sink.ts';

/** Of one decoder, by its number: 0 is the one that the session began with. */
export interface GenerationAccuracy extends RunningAccuracy {
  generation: number;
  /** The first bin that it decoded. */
  firstBin: number;
}

export class AccuracyByGeneration {
  private readonly measured = new Map<number, { firstBin: number; metrics: RunningMetrics }>();

  take({ generation, binIndex, truth, output }: BinRecord): void {
    let measured = this.measured.get(generation);
    if (measured === undefined) {
      measured = { firstBin: binIndex, metrics: new RunningMetrics(truth.length) };
      this.measured.set(generation, measured);
    }
    measured.metrics.update(truth, output);
  }

  /** In the order in which they came into service. */
  read(): GenerationAccuracy[] {
    return [...this.measured].flatMap(([generation, { firstBin, metrics }]) => {
      const accuracy = metrics.read();
      return accuracy === undefined ? [] : [{ generation, firstBin, ...accuracy }];
    });
  }
}
