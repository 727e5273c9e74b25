/** Drift in words: what has changed since the calibration, and what to do about it. */
import type { CalibrationState } from '../calibration/session/guardrails.ts';
import { DRIFT_CHANNELS_MIN } from '../calibration/drift/model-drift.ts';
import { DRIFT_REFERENCE_S_MIN } from '../calibration/drift/drift-reference.ts';
import type { Model } from '../decoders/decoder.ts';
import { precisionOf } from '../decoders/quantise-model.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import type { DriftStatus } from '../runtime/drift-watch.ts';
import type { SessionEvent } from '../runtime/sink.ts';
import { durationText } from './duration-text.ts';

type DriftEvent = Extract<SessionEvent, { kind: 'drift' }>;
type Change = Pick<DriftStatus, 'reasons' | 'lostChannels' | 'rateDirection'>;

/** More labels than these are counted. */
const LABELS_SHOWN = 6;
const RATES = { up: 'rates are higher', down: 'rates are lower', mixed: 'rates differ' };

/**
 * The index, and what it advises; then, if there is more to say, what has changed.
 * @param labelsShown of silent channels; more are counted
 */
export function driftLines(drift: DriftStatus, binMs: number, labelsShown = LABELS_SHOWN): string[] {
  const { index, threshold, withdrawalThreshold, advisedSinceBin, lostChannels } = drift;
  const numbers = indexText(drift);
  if (advisedSinceBin === null)
    return lostChannels.length === 0 ? [numbers] : [numbers, lostText(lostChannels, labelsShown)];
  const since = durationText((advisedSinceBin * binMs) / 1000);
  // The advice outlasts the index, or it would come and go.
  const until = index < threshold ? `until under ${withdrawalThreshold.toFixed(2)}: ` : '';
  return [`${numbers}  recalibrate, since ${since}`, `${until}${changeText(drift, labelsShown)}`];
}

export function driftEventText(event: DriftEvent): string {
  if (event.isRecalibrationAdvised) return `recalibrate: ${changeText(event)} (drift ${indexText(event)})`;
  return event.changed === 'signal'
    ? `the signal is as it was at calibration again (drift ${indexText(event)})`
    : 'no recalibration is advised any more: another decoder is in service';
}

/**
 * How this session's decoder can be brought to the signal of today; undefined while that is being done.
 * @param modelPath undefined where the run calibrated before it began
 * @param calibration of `--calibrate`
 */
export function driftRemedy(
  model: Model,
  modelPath: string | undefined,
  calibration: CalibrationState | undefined,
): string | undefined {
  switch (calibration) {
    case 'collecting':
    case 'fitting':
    case 'interim':
    case 'evaluating':
      return undefined;
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

function changeText({ reasons, lostChannels, rateDirection }: Change, labelsShown = LABELS_SHOWN): string {
  const texts = {
    lostChannels: lostText(lostChannels, labelsShown),
    rateChange: RATES[rateDirection],
    tuningChange: 'tuning differs',
  };
  return reasons.map((reason) => texts[reason]).join(', ');
}

function lostText(labels: readonly string[], labelsShown: number): string {
  const count = `${labels.length} ${labels.length === 1 ? 'channel' : 'channels'} silent`;
  if (labelsShown === 0) return count;
  const rest = labels.length - labelsShown;
  const shown = labels.slice(0, labelsShown).join(', ');
  return `${count} (${rest > 0 ? `${shown} and ${rest} more` : shown})`;
}
