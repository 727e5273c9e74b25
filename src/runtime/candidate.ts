/** A model that is to take the place of the one in service: whether it can, and the memory of its decoder. */
import { BetzError } from '../core/errors.ts';
import type { Adaptation } from '../calibration/adaptive/adaptations.ts';
import { Rng } from '../core/rng.ts';
import { canonicalJson } from '../decoders/architecture-hash.ts';
import type { Model } from '../decoders/decoder.ts';
import { precisionOf } from '../decoders/quantise-model.ts';
import { loadKernels } from '../host/load-kernels.ts';
import type { KernelVariant } from '../kernels/kernels.ts';
import { createServingDecoder } from './serving-decoder.ts';

/** Bins that a candidate decodes before it is trusted: half of them drawn, the rest silence, where states settle. */
const TRIAL_BINS = 200;
/** Settings that a step never reads. */
const TRAINING_SETTINGS = ['inputDropout', 'layerDropout'];

/**
 * That both models have the same architecture and decode the same stream into the same quantity. Weights, normalisation, read-in,
 * dropout and provenance may differ.
 * @throws BetzError DEC_CANDIDATE_MISMATCH
 */
export function checkCandidate(inService: Model, candidate: Model): void {
  for (const [name, expected] of Object.entries(traitsOf(inService))) {
    const found = traitsOf(candidate)[name];
    if (found === expected) continue;
    throw new BetzError(
      'DEC_CANDIDATE_MISMATCH',
      `the candidate has another ${name} than the model in service, which stays`,
      {
        value: `${found} instead of ${expected}`,
        tip: 'Only a model of the same architecture, channels and output can be swapped in: end the session and start one with that model.',
      },
    );
  }
}

function traitsOf(model: Model): Record<string, string> {
  return {
    kind: model.kind,
    config: canonicalJson(decodingConfig(model)),
    'number of inputs or outputs': `${model.shape.inputCount} x ${model.shape.outputCount}`,
    precision: precisionOf(model),
    'bin width': `${model.binMs} ms`,
    smoothing: String(model.features.smoothing),
    'list of channels': model.features.channelLabels.join(' '),
    output: `${model.output.name} ${model.output.labels.join(' ')} in ${model.output.unit}`,
  };
}

function decodingConfig({ config }: Model): Model['config'] {
  return Object.fromEntries(Object.entries(config).filter(([name]) => !TRAINING_SETTINGS.includes(name)));
}

/**
 * The kernel memory of the model's decoder, fresh: what a slot becomes.
 * @param imageBytes that the slots have
 * @throws BetzError DEC_CANDIDATE_NOT_FINITE, DEC_CANDIDATE_MISMATCH, and those of `createServingDecoder`
 */
export function candidateImage(
  model: Model,
  variant: KernelVariant,
  imageBytes: number,
  adaptations: readonly Adaptation[],
): Uint8Array {
  const kernels = loadKernels({ variant });
  const decoder = createServingDecoder(model, kernels, adaptations);
  const image = kernels.arena.contents().slice();
  if (image.byteLength !== imageBytes) {
    throw new BetzError('DEC_CANDIDATE_MISMATCH', 'the candidate needs another amount of memory', {
      value: `${image.byteLength} bytes instead of ${imageBytes}`,
      tip: 'End the session and start one with that model.',
    });
  }
  const rng = new Rng(1);
  const features = new Float32Array(decoder.inputCount);
  const output = new Float32Array(decoder.outputCount);
  for (let bin = 0; bin < TRIAL_BINS; bin++) {
    for (let i = 0; i < features.length; i++) features[i] = bin % 2 === 0 ? rng.poisson(1) : 0;
    decoder.step(features, output);
    if (output.every(Number.isFinite)) continue;
    throw new BetzError(
      'DEC_CANDIDATE_NOT_FINITE',
      'the candidate decodes ordinary spike counts into numbers that are not finite; the decoder in service stays',
      { value: `bin ${bin} of the trial`, tip: 'The fit went wrong: calibrate again, on other data.' },
    );
  }
  return image;
}
