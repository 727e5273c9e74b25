/**
 * Watches the features of a session for drift from the data that the decoder in service was calibrated on, in the main thread: it is
 * given every bin that is fetched. Bins that were not fetched in time are only missing from its averages, and joins do not matter to
 * averages over time. Each decoder is watched with the reference of its own model, from the first bin that it decodes.
 */
import { DriftMonitor } from '../calibration/drift/drift-monitor.ts';
import type { DriftReason } from '../calibration/drift/drift-monitor.ts';
import type { Model } from '../decoders/decoder.ts';
import type { DriftParts, DriftReference } from '../decoders/drift-reference.ts';
import type { BinRecord, SessionEvent } from './sink.ts';

/** Of the decoder in service. */
export interface DriftStatus {
  /** About 1 as long as the signal is as it was; once a second. */
  index: number;
  threshold: number;
  /** Below this for 10 s, an advice is withdrawn. */
  withdrawalThreshold: number;
  /** What the index is made of. */
  parts: DriftParts;
  isRecalibrationAdvised: boolean;
  /** The bin since when; null while nothing is advised. */
  advisedSinceBin: number | null;
  /** The most telling first; empty while nothing is advised. */
  reasons: readonly DriftReason[];
  /** Labels of channels that record nothing any more. */
  lostChannels: readonly string[];
  rateDirection: 'up' | 'down' | 'mixed';
  /** Bins that were not finite, and so not looked at. */
  ignoredBins: number;
}

export class DriftWatch {
  private readonly channelLabels: readonly string[];
  private readonly tell: (event: SessionEvent) => void;
  /** By generation; a decoder whose model has none is not watched. */
  private readonly references = new Map<number, DriftReference>();
  private generation = 0;
  private reference: DriftReference | undefined;
  private monitor: DriftMonitor | undefined;
  private advisedSinceBin: number | null = null;

  constructor({ drift, features }: Model, tell: (event: SessionEvent) => void) {
    this.channelLabels = features.channelLabels;
    this.tell = tell;
    if (drift === undefined) return;
    this.references.set(0, drift);
    this.begin(drift);
  }

  /** Another decoder is in service; has to be told before the first of its bins is taken. */
  expect(generation: number, { drift }: Model): void {
    if (drift !== undefined) this.references.set(generation, drift);
  }

  take({ generation, binIndex, features }: BinRecord): void {
    if (generation !== this.generation) this.follow(generation, binIndex);
    const { monitor } = this;
    if (monitor === undefined) return;
    monitor.update(features);
    if (monitor.isRecalibrationAdvised() === (this.advisedSinceBin !== null)) return;
    if (monitor.isRecalibrationAdvised()) this.raise(monitor, binIndex);
    else this.withdraw(monitor, binIndex, 'signal');
  }

  /** null where there is nothing to measure from. */
  status(): DriftStatus | null {
    const { monitor, advisedSinceBin } = this;
    if (monitor === undefined) return null;
    const { ignoredBinCount, ...report } = monitor.report();
    return {
      ...report,
      lostChannels: this.labelsOf(report.lostChannels),
      advisedSinceBin,
      ignoredBins: ignoredBinCount,
    };
  }

  private follow(generation: number, binIndex: number): void {
    this.generation = generation;
    const reference = this.references.get(generation);
    if (reference === this.reference) return;
    const before = this.monitor;
    const monitor = this.begin(reference) ?? before;
    if (this.advisedSinceBin !== null && monitor !== undefined) this.withdraw(monitor, binIndex, 'decoder');
  }

  private begin(reference: DriftReference | undefined): DriftMonitor | undefined {
    this.reference = reference;
    this.monitor = reference === undefined ? undefined : new DriftMonitor(reference);
    return this.monitor;
  }

  private raise(monitor: DriftMonitor, binIndex: number): void {
    this.advisedSinceBin = binIndex;
    const { index, threshold, reasons, lostChannels, rateDirection } = monitor.report();
    this.tell({
      kind: 'drift',
      isRecalibrationAdvised: true,
      binIndex,
      index,
      threshold,
      reasons,
      lostChannels: this.labelsOf(lostChannels),
      rateDirection,
    });
  }

  private withdraw(monitor: DriftMonitor, binIndex: number, changed: 'signal' | 'decoder'): void {
    this.advisedSinceBin = null;
    const index = monitor.currentIndex();
    const { threshold } = monitor;
    this.tell({ kind: 'drift', isRecalibrationAdvised: false, binIndex, index, threshold, changed });
  }

  private labelsOf(channels: readonly number[]): string[] {
    return channels.map((channel) => this.channelLabels[channel]);
  }
}
