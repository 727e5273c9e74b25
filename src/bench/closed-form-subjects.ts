/** Wiener and Kalman decoders to time: fitted on a minute of the simulated array, because zeros would be too easy. */
import { simulateRecording } from '../acquisition/simulated/simulate-recording.ts';
import { fitKalman } from '../calibration/closed-form-kalman.ts';
import { fitWiener } from '../calibration/closed-form-wiener.ts';
import { splitBins } from '../calibration/splits.ts';
import type { Model } from '../decoders/decoder.ts';
import { kalman } from '../decoders/kalman/index.ts';
import { wiener } from '../decoders/wiener/index.ts';
import { loadKernels } from '../host/load-kernels.ts';
import type { BenchSubject, LatencyBenchOptions } from './latency.ts';

const FITTED_SECONDS = 60;
const FITTED_BIN_MS = 20;

export function closedFormSubjects(options: LatencyBenchOptions): BenchSubject[] {
  const { seed, inputCount } = options;
  const recording = simulateRecording({ seed, channelCount: inputCount }, FITTED_SECONDS, FITTED_BIN_MS);
  const splits = splitBins(recording.binCount);
  const fits = [
    { kind: wiener, fitted: fitWiener(recording, splits).model },
    { kind: kalman, fitted: fitKalman(recording, splits, loadKernels(), { smoothings: [0] }).model },
  ];
  return fits.map(({ kind, fitted: { smoothing, ...fitted } }) => {
    const { name, labels, unit } = recording.target;
    const model: Model = {
      ...fitted,
      kind: kind.name,
      features: { name: 'spikeCounts', smoothing, channelLabels: [] },
      output: { name, labels, unit },
      binMs: recording.binMs,
      provenance: {},
    };
    return { kind, size: String(inputCount), model };
  });
}
