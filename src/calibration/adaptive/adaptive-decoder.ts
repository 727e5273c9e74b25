/**
 * A decoder behind adaptation: adaptive normalisation, a Hebbian read-in, or both. It keeps the decoder contract, so a session
 * runs it like any other; what was adapted is part of its state. A model without a read-in can only have its normalisation
 * adapted: asking for Hebbian adaptation of one is refused.
 *
 * float32 as all state here is: a state that is finite in float32 is finite read as float64 too, so `sealState` works for
 * either kind of core. The adapted numbers are padded to 8 bytes and come first.
 */
import { BetzError } from '../../core/errors.ts';
import type { Decoder, DecoderKind, Model } from '../../decoders/decoder.ts';
import { coreShape } from '../../decoders/read-in.ts';
import type { Kernels } from '../../kernels/kernels.ts';
import { HebbianReadIn } from '../hebbian/hebbian-read-in.ts';
import type { HebbianOptions } from '../hebbian/hebbian-read-in.ts';
import type { HebbianReference } from '../hebbian/hebbian-reference.ts';
import { AdaptiveNormalisation } from './adaptive-normalisation.ts';
import type { AdaptiveNormalisationOptions } from './adaptive-normalisation.ts';

export interface AdaptationOptions {
  /** false: z-scores stay those of calibration. */
  normalisation?: AdaptiveNormalisationOptions | false;
  /**
   * Only for models with a read-in. Where the normalisation does not adapt only the modulator does, unless `eta` is given: rows
   * that learn from scores with an offset did harm (docs/drift.md).
   */
  hebbian?: { reference: HebbianReference; options?: HebbianOptions };
}

export class AdaptiveDecoder implements Decoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  private readonly core: Decoder;
  private readonly normalisation: AdaptiveNormalisation;
  private readonly hebbian: HebbianReadIn | undefined;
  private readonly scores: Float32Array;
  private readonly coreInput: Float32Array;
  private readonly parts: readonly Uint8Array[];
  private readonly coreAt: number;

  /**
   * @param model not kept; its smoothing is the session's to apply, as for any decoder
   * @throws BetzError CAL_READ_IN_MISSING
   */
  constructor(model: Model, kind: DecoderKind, kernels: Kernels, options: AdaptationOptions = {}) {
    const { readIn, normalisation, shape, binMs } = model;
    if (options.hebbian !== undefined && readIn === undefined) {
      throw new BetzError('CAL_READ_IN_MISSING', 'the model has no read-in to adapt', {
        value: model.kind,
        tip: 'Adapt its normalisation only, or pretrain a model over sessions, which has a read-in.',
      });
    }
    this.inputCount = shape.inputCount;
    this.outputCount = shape.outputCount;
    this.normalisation = new AdaptiveNormalisation(
      normalisation,
      binMs,
      options.normalisation === false ? FROZEN : options.normalisation,
    );
    const isHebbian = options.hebbian !== undefined && readIn !== undefined;
    this.hebbian =
      options.hebbian !== undefined && readIn !== undefined
        ? new HebbianReadIn(readIn, options.hebbian.reference, {
            ...(options.normalisation === false ? { eta: 0 } : {}),
            ...options.hebbian.options,
          })
        : undefined;
    // The core takes what is made here: latents, or z-scores.
    const coreModel: Model = isHebbian
      ? {
          ...model,
          shape: coreShape(model),
          normalisation: { ...normalisation, ...plainScores(coreShape(model).inputCount) },
        }
      : { ...model, normalisation: { ...normalisation, ...plainScores(shape.inputCount) } };
    if (isHebbian) {
      delete coreModel.readIn;
      delete coreModel.sessions;
    }
    this.core = kind.createDecoder(coreModel, kernels);
    this.scores = new Float32Array(shape.inputCount);
    this.coreInput = isHebbian ? new Float32Array(this.core.inputCount) : this.scores;
    const states = [this.normalisation.state, ...(this.hebbian === undefined ? [] : [this.hebbian.state])];
    this.parts = states.map(
      ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
    );
    const ownBytes = this.parts.reduce((sum, part) => sum + part.byteLength, 0);
    this.coreAt = Math.ceil(ownBytes / 8) * 8;
    this.stateBytes = this.coreAt + this.core.stateBytes;
  }

  step(features: Float32Array, output: Float32Array): void {
    this.normalisation.normalise(features, this.scores);
    this.hebbian?.step(this.scores, this.normalisation.isHeld, this.coreInput);
    this.core.step(this.coreInput, output);
  }

  /** As fresh: what was adapted is forgotten too. */
  reset(): void {
    this.normalisation.reset();
    this.hebbian?.reset();
    this.core.reset();
  }

  /** For a join between trials: the core starts anew, what was adapted stays. */
  resetCore(): void {
    this.core.reset();
  }

  /** How often Hebbian adaptation has gone back. */
  rollbackCount(): number {
    return this.hebbian?.rollbackCount() ?? 0;
  }

  saveState(into: Uint8Array): void {
    let at = 0;
    for (const part of this.parts) {
      into.set(part, at);
      at += part.byteLength;
    }
    into.fill(0, at, this.coreAt);
    this.core.saveState(into.subarray(this.coreAt, this.stateBytes));
  }

  loadState(from: Uint8Array): void {
    let at = 0;
    for (const part of this.parts) {
      part.set(from.subarray(at, at + part.byteLength));
      at += part.byteLength;
    }
    this.core.loadState(from.subarray(this.coreAt, this.stateBytes));
  }
}

/** Means and deviations that may not move at all. */
const FROZEN: AdaptiveNormalisationOptions = { meanShiftMax: 0, scaleRatioMax: 1, rateFloorHz: 0 };

function plainScores(count: number): Pick<Model['normalisation'], 'featureMean' | 'featureScale'> {
  return { featureMean: new Float32Array(count), featureScale: new Float32Array(count).fill(1) };
}
