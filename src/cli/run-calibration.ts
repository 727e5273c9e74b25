/** `betz run --calibrate`: what is said while it goes on, and what it came to. */
import { basename } from 'node:path';
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import type { Transition } from '../calibration/session/guardrails.ts';
import { writeModelBytes } from '../host/model-store.ts';
import type { Model } from '../decoders/decoder.ts';
import { version } from '../host/version.ts';
import { LiveCalibration } from '../runtime/live-calibration.ts';
import type { LiveCalibrationAccount } from '../runtime/live-calibration-account.ts';
import { meanOf, meanR2Text, namedR2 } from './metrics-text.ts';
import { decoderChangeText } from './session-text.ts';
import { keptLines } from './refuse-replacing.ts';

export interface RunCalibrationOptions {
  model?: string;
  recording?: string;
  record?: string | false;
  loadState?: string;
  saveState?: string;
  seed: number;
  speed: number | 'max';
  adapt?: string[];
  /** Seconds of the session to collect. */
  calibrate?: number;
  method?: SessionMethod;
  autoPromote?: true;
  candidateOut?: string;
  replace?: true;
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
    onOtherChange: (event) => {
      tell(decoderChangeText(event));
    },
    ...(candidateOut === undefined
      ? {}
      : {
          onProposal: (candidate) => {
            try {
              const previous = writeModelBytes(candidateOut, candidate);
              tell(`calibration  candidate written to ${candidateOut}`);
              for (const line of keptLines(previous)) tell(`calibration  ${line}`);
            } catch (error) {
              // Said at once, for the session may last for hours; it ends with the error.
              tell(`calibration  candidate not written: ${(error as Error).message}`);
              throw error;
            }
          },
        }),
  });
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
      r2: namedR2(labels, { r2, r2Mean: meanOf(r2) }),
    })),
    candidateOut: account.isHandedOut ? candidateOut : null,
  };
}

/** Lines for the summary. */
export function calibrationLines(
  account: LiveCalibrationAccount,
  binMs: number,
  candidateOut?: string,
): string[] {
  const { states, accuracy, verdict } = account;
  const { state, reason, code, tip } = states[states.length - 1];
  return [
    `calibrated ${state}: ${code === undefined ? '' : `${code} `}${reason}`,
    ...(tip === undefined ? [] : [`tip       ${tip}`]),
    ...(verdict === undefined || reason.includes(verdict.sentence) ? [] : [`verdict   ${verdict.sentence}`]),
    ...accuracy.map(
      (measured) =>
        `decoder ${measured.generation} R2 ${meanR2Text(measured, binMs)} over ${measured.binCount} bins` +
        (measured.firstBin > 0 ? `, from bin ${measured.firstBin} on` : ''),
    ),
    ...(account.isHandedOut && candidateOut !== undefined ? [`candidate ${candidateOut}`] : []),
  ];
}
