/** Drift in words: what has changed since the calibration, and what to do about it. */
import type { CalibrationState } from '../calibration/session/guardrails.ts';
import { DRIFT_CHANNELS_MIN } from '../calibration/drift/model-drift.ts';
import { DRIFT_REFERENCE_S_MIN } from '../calibration/drift/drift-reference.ts';
import type { Model } from '../decoders/decoder.ts';
import { precisionOf } from '../decoders/quantise-model.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import type { DriftStatus } from '../runtime/drift-watch.ts';
import type { SessionEvent } from '../runtime/sink.ts';

type DriftEvent = Extract<SessionEvent, { kind: 'drift' }>;
type Change = Pick<DriftStatus, 'reasons' | 'lostChannels' | 'rateDirection'>;

/** More labels than these are counted. */
const LABELS_SHOWN = 6;
const RATES = {
  up: 'firing rates have risen',
  down: 'firing rates have fallen',
  mixed: 'firing rates differ',
};

export function driftText(drift: DriftStatus): string {
  const numbers = indexText(drift);
  if (drift.isRecalibrationAdvised) return `recalibrate: ${changeText(drift)} (${numbers})`;
  return drift.lostChannels.length === 0 ? numbers : `${numbers}; ${lostText(drift.lostChannels)}`;
}

export function driftEventText(event: DriftEvent): string {
  if (event.isRecalibrationAdvised) return `recalibrate: ${changeText(event)} (drift ${indexText(event)})`;
  return event.changed === 'signal'
    ? `the signal is as it was at calibration again (drift ${indexText(event)})`
    : 'drift is measured from the calibration of the decoder now in service';
}

/**
 * How this session's decoder can be brought to the signal of today.
 * @param modelPath undefined where the run calibrated before it began
 * @param calibration of `--calibrate`
 */
export function driftRemedy(
  model: Model,
  modelPath: string | undefined,
  calibration: CalibrationState | undefined,
): string {
  switch (calibration) {
    case 'collecting':
    case 'fitting':
    case 'evaluating':
      return `the calibration of this session is under way (${calibration})`;
    case 'proposed':
      return 'the calibration of this session has a better decoder ready';
    default:
  }
  if (modelPath === undefined) return 'end this run and start it anew: it calibrates first';
  if (precisionOf(model) === 'int8')
    return 'calibrate the float32 model that this one was made from, with data of today';
  if (findDecoderKind(model.kind).training === 'closedForm')
    return `betz calibrate --decoder ${model.kind}, with data of today`;
  return `add --calibrate 60 --auto-promote, or betz calibrate --model ${modelPath} with data of today`;
}

/** What a command says of a model that keeps nothing to measure drift from. */
export function driftReferenceLines({ drift }: Model): string[] {
  if (drift !== undefined) return [];
  return [
    `no drift reference, which takes ${DRIFT_REFERENCE_S_MIN} s of data and ${DRIFT_CHANNELS_MIN} channels that vary: sessions with this model do not watch for drift`,
  ];
}

function indexText({ index, threshold }: Pick<DriftStatus, 'index' | 'threshold'>): string {
  return `index ${index.toFixed(2)}, threshold ${threshold.toFixed(2)}`;
}

function changeText({ reasons, lostChannels, rateDirection }: Change): string {
  const texts = {
    lostChannels: lostText(lostChannels),
    rateChange: RATES[rateDirection],
    tuningChange: 'channels are tuned differently',
  };
  return reasons.map((reason) => texts[reason]).join(', ');
}

function lostText(labels: readonly string[]): string {
  const rest = labels.length - LABELS_SHOWN;
  const shown = labels.slice(0, LABELS_SHOWN).join(' ');
  const which = rest > 0 ? `${shown} and ${rest} more` : shown;
  return `${labels.length} ${labels.length === 1 ? 'channel records' : 'channels record'} nothing any more (${which})`;
}
