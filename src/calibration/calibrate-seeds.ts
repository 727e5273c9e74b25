/**
 * Calibration from several seeds: how much of a result is luck, and the model that luck favoured. The model is chosen on
 * the validation part, so that the test figures stay untouched by the choice.
 */
import type { BinnedRecording } from '../core/recording.ts';
import { calibrate } from './calibrate.ts';
import type { Calibration, CalibrationHost, CalibrationOptions } from './calibrate.ts';

interface SeedRun {
  seed: number;
  calibration: Calibration;
}

export interface SeededCalibration {
  /** In the order of the seeds. */
  runs: readonly SeedRun[];
  /** The run with the best R2 on the validation part. */
  chosen: SeedRun;
  /** Of the test R2 means over the runs. */
  testR2: Spread;
}

interface Spread {
  mean: number;
  /** Standard deviation of a sample, n - 1; NaN for one value. */
  deviation: number;
  min: number;
  max: number;
}

/**
 * @param seeds one or more
 * @param onRun called before each run
 * @throws BetzError as `calibrate`
 */
export async function calibrateSeeds(
  recording: BinnedRecording,
  options: CalibrationOptions,
  host: CalibrationHost,
  seeds: readonly number[],
  onRun: (index: number) => void = () => undefined,
): Promise<SeededCalibration> {
  const runs: SeedRun[] = [];
  for (const [index, seed] of seeds.entries()) {
    onRun(index);
    const seeded = {
      ...options,
      training: { ...options.training, seed },
      ...(runs.length === 0 ? {} : { baseline: runs[0].calibration.baseline }),
    };
    runs.push({ seed, calibration: await calibrate(recording, seeded, host) });
  }
  const chosen = runs.reduce((best, run) =>
    run.calibration.validationR2 > best.calibration.validationR2 ? run : best,
  );
  return { runs, chosen, testR2: spreadOf(runs.map(({ calibration }) => calibration.test.r2Mean)) };
}

function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    mean,
    deviation: Math.sqrt(squares / (values.length - 1)),
    min: Math.min(...values),
    max: Math.max(...values),
  };
}
