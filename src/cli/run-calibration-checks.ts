/** Calibrations of a running session that could not come to anything: refused before it runs, and not when the data are collected. */
import { READ_IN_STATISTICS_S_MIN } from '../calibration/hebbian/read-in-statistics.ts';
import { SESSION_S_MIN } from '../calibration/session/held-out-blocks.ts';
import { expectGradientKind } from '../calibration/session/session-model.ts';
import { expectStabilizer } from '../calibration/stabilize-model.ts';
import { BetzError } from '../core/errors.ts';
import type { Model } from '../decoders/decoder.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { assertModelPathWritable } from '../host/model-store.ts';
import { usageError } from './failure.ts';
import { refuseReplacing } from './refuse-replacing.ts';
import type { RunCalibrationOptions } from './run-calibration.ts';
import type { RunSource } from './run-source.ts';

/** Nobody waits longer for a decoder, and all that is collected is kept in memory. */
const CALIBRATE_S_MAX = 3600;
/** At maximum speed the queues of a session hold about so many bins, and all are decoded before a candidate can be. */
const UNPACED_BINS_AHEAD = 1300;

/**
 * What does not go together, whatever the model.
 * @param hasKeys a person can decide about a proposal while the session runs
 * @throws BetzError CFG_USAGE, CAL_SESSION_TOO_SHORT, CAL_HEBBIAN_REFERENCE_SHORT, DEC_MODEL_FILE_UNWRITABLE
 */
export function checkCalibration(options: RunCalibrationOptions, hasKeys: boolean): void {
  const {
    model,
    recording,
    record,
    loadState,
    saveState,
    calibrate,
    candidateOut,
    replace,
    autoPromote,
    method,
    adapt,
  } = options;
  if (calibrate === undefined) {
    for (const [name, value] of Object.entries({
      method,
      'auto-promote': autoPromote,
      'candidate-out': candidateOut,
    })) {
      if (value !== undefined)
        throw usageError(`--${name} is for --calibrate`, value, 'Add --calibrate SECONDS, or leave it out.');
    }
    return;
  }
  if (model === undefined)
    throw usageError(
      '--calibrate needs --model',
      calibrate,
      'Give the model to start from; without one, betz run calibrates before it starts.',
    );
  if (autoPromote === undefined && candidateOut === undefined && !hasKeys)
    throw usageError(
      'the candidate would go nowhere',
      calibrate,
      'Add --auto-promote to use it when it is better, or --candidate-out FILE to keep it; in the live view of a terminal, a key decides.',
    );
  refuseLength(calibrate, adapt);
  if (adapt?.includes('hebbian') === true && method === 'scratch')
    throw usageError(
      '--adapt hebbian needs a read-in, and a decoder from scratch has none',
      method,
      'Choose another --method, or leave out --adapt hebbian.',
    );
  if (candidateOut === undefined) return;
  for (const other of [model, recording, record, loadState, saveState]) {
    if (typeof other === 'string')
      refuseReplacing(other, candidateOut, 'the candidate would replace another file of this run');
  }
  assertModelPathWritable(candidateOut, replace);
}

function refuseLength(calibrate: number, adapt: readonly string[] = []): void {
  if (calibrate > CALIBRATE_S_MAX)
    throw usageError(
      `a session collects ${CALIBRATE_S_MAX} s at most to calibrate on`,
      calibrate,
      'Collect less: 30 to 60 s are usual.',
    );
  if (calibrate < SESSION_S_MIN)
    throw new BetzError('CAL_SESSION_TOO_SHORT', `${calibrate} s are too little to calibrate a session on`, {
      value: calibrate,
      tip: `Collect at least ${SESSION_S_MIN} s; 30 to 60 s are usual.`,
    });
  if (adapt.includes('hebbian') && calibrate < READ_IN_STATISTICS_S_MIN)
    throw new BetzError(
      'CAL_HEBBIAN_REFERENCE_SHORT',
      `a decoder calibrated on ${calibrate} s could not go on with --adapt hebbian`,
      { value: calibrate, tip: `Collect at least ${READ_IN_STATISTICS_S_MIN} s.` },
    );
}

/** What this model, or the length of this session, cannot give. @throws BetzError CFG_USAGE, CAL_METHOD_UNSUPPORTED, CAL_STABILIZE_REFERENCE */
export function refuseHopelessCalibration(
  { calibrate, method = 'auto', speed }: RunCalibrationOptions,
  base: Model,
  { seconds }: Pick<RunSource, 'seconds'>,
): void {
  if (calibrate === undefined) return;
  // Others are refused by the session, with what to do instead.
  const isGradient = findDecoderKind(base.kind).training === 'gradient';
  if (isGradient && method !== 'normalise') expectGradientKind(base, method);
  if (isGradient && method === 'stabilize') expectStabilizer(base);
  if (calibrate >= seconds)
    throw usageError(
      `--calibrate ${calibrate} leaves nothing of a session of ${seconds} s`,
      calibrate,
      'Collect less, or let the session last longer than that.',
    );
  const neededS = calibrate + (UNPACED_BINS_AHEAD * base.binMs) / 1000;
  if (speed === 'max' && neededS > seconds)
    throw usageError(
      `at --speed max a session of ${seconds} s is over before a decoder calibrated on ${calibrate} s of it can be used`,
      calibrate,
      `Let it last ${Math.ceil(neededS)} s at least, collect less, or leave out --speed max.`,
    );
}
