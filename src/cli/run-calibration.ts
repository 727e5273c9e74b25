/** `betz run --calibrate`: the options, what is said while it goes on, and what it came to. */
import { basename } from 'node:path';
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import type { Transition } from '../calibration/session/guardrails.ts';
import { assertModelPathWritable, writeModelBytes } from '../host/model-store.ts';
import type { Model } from '../decoders/decoder.ts';
import { version } from '../host/version.ts';
import { LiveCalibration } from '../runtime/live-calibration.ts';
import type { LiveCalibrationAccount } from '../runtime/live-calibration.ts';
import { usageError } from './failure.ts';
import { lagOf } from './open-data.ts';
import { refuseReplacing } from './refuse-replacing.ts';

export interface RunCalibrationOptions {
  model?: string;
  recording?: string;
  record?: string | false;
  saveState?: string;
  seed: number;
  /** Seconds of the session to collect. */
  calibrate?: number;
  method?: SessionMethod;
  autoPromote?: true;
  candidateOut?: string;
}

/** @throws BetzError CFG_USAGE, DEC_MODEL_FILE_UNWRITABLE */
export function checkCalibration(options: RunCalibrationOptions): void {
  const { model, recording, record, saveState, calibrate, candidateOut, autoPromote, method } = options;
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
  if (autoPromote === undefined && candidateOut === undefined)
    throw usageError(
      'the candidate would go nowhere',
      calibrate,
      'Add --auto-promote to use it when it is better, or --candidate-out FILE to keep it.',
    );
  if (candidateOut === undefined) return;
  for (const other of [model, recording, record, saveState]) {
    if (typeof other === 'string')
      refuseReplacing(other, candidateOut, 'the candidate would replace another file of this run');
  }
  assertModelPathWritable(candidateOut);
}

/** undefined where none is asked for. @param hash of the model's file @param tell shows a line to whoever watches */
export function makeCalibration(
  options: RunCalibrationOptions,
  base: Model,
  hash: string,
  tell: (text: string) => void,
): LiveCalibration | undefined {
  const { calibrate, method = 'auto', model, seed, candidateOut, autoPromote } = options;
  if (calibrate === undefined || model === undefined) return undefined;
  return new LiveCalibration({
    base,
    seconds: calibrate,
    method,
    origin: { seed, version, baseName: basename(model), baseSha256: hash },
    ...(autoPromote === undefined ? {} : { autoPromote }),
    onTransition: (transition) => {
      tell(transitionText(transition));
    },
    ...(candidateOut === undefined
      ? {}
      : {
          onProposal: (candidate) => {
            try {
              writeModelBytes(candidateOut, candidate);
              tell(`calibration  candidate written to ${candidateOut}`);
            } catch (error) {
              // Said at once, for the session may last for hours; it ends with the error.
              tell(`calibration  candidate not written: ${(error as Error).message}`);
              throw error;
            }
          },
        }),
  });
}

/**
 * What the live array says is of now, and a model with a lag decodes what comes later: nothing can be learned from it.
 * @throws BetzError CFG_USAGE
 */
export function refuseLaggedLearning(
  {
    recording,
    calibrate,
    adapt,
  }: Pick<RunCalibrationOptions, 'calibrate'> & { recording?: string; adapt?: readonly string[] },
  base: Model,
): void {
  const isLearning = calibrate !== undefined || adapt?.includes('rls') === true;
  if (!isLearning || recording !== undefined || lagOf(base) === 0) return;
  throw usageError(
    `the model was trained with a lag of ${lagOf(base)} ms, and the live array says only what the hand does now`,
    lagOf(base),
    'Calibrate it with `betz calibrate --model`, or replay a recording.',
  );
}

function transitionText({ seconds, state, reason, code }: Transition): string {
  return `calibration  ${seconds.toFixed(1)} s  ${state}: ${code === undefined ? '' : `${code} `}${reason}`;
}

/** For --json: what happened, in plain numbers. @param labels of the behaviour's dimensions */
export function calibrationReport(
  account: LiveCalibrationAccount,
  labels: readonly string[],
  candidateOut: string | null,
): object {
  const { states, verdict, method, fitSeconds, promotedBin, accuracy } = account;
  return {
    state: states[states.length - 1].state,
    states,
    method: method ?? null,
    fitSeconds: fitSeconds ?? null,
    verdict: verdict ?? null,
    promotedBin: promotedBin ?? null,
    r2ByGeneration: accuracy.map(({ generation, binCount, r2 }) => ({
      generation,
      bins: binCount,
      r2: { ...Object.fromEntries(labels.map((label, d) => [label, r2[d]])), mean: meanOf(r2) },
    })),
    candidateOut: hasCandidate(account) ? candidateOut : null,
  };
}

/** Lines for the summary. */
export function calibrationLines(account: LiveCalibrationAccount, candidateOut?: string): string[] {
  const { states, accuracy, promotedBin } = account;
  const { state, reason } = states[states.length - 1];
  const proposal = states.find((transition) => transition.state === 'proposed');
  return [
    `calibrated ${state}: ${reason}`,
    ...(proposal === undefined || state === 'proposed' ? [] : [`verdict   ${proposal.reason}`]),
    ...accuracy.map(
      ({ generation, binCount, r2 }) =>
        `decoder ${generation} R2 ${meanOf(r2).toFixed(3)} over ${binCount} bins` +
        (generation > 0 && promotedBin !== undefined ? `, from bin ${promotedBin} on` : ''),
    ),
    ...(hasCandidate(account) && candidateOut !== undefined ? [`candidate ${candidateOut}`] : []),
  ];
}

function hasCandidate({ states }: LiveCalibrationAccount): boolean {
  return states.some(({ state }) => state === 'proposed');
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
