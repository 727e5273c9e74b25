/**
 * A decoder that adapts while it is used: adaptive normalisation and a Hebbian read-in before its core, which need no labels, and
 * a readout behind it that learns from the truth. Each is there or not. It keeps the decoder contract, so a session runs it like any
 * other, and all that a model brings lies in the kernels' memory, so that a promotion can replace it.
 */
import { BetzError } from '../../core/errors.ts';
import { LEARNING } from '../../decoders/decoder.ts';
import type {
  Decoder,
  DecoderKind,
  LearningDecoder,
  Model,
  Normalisation,
  ReadIn,
  ReadInStatistics,
} from '../../decoders/decoder.ts';
import { coreShape } from '../../decoders/read-in.ts';
import type { Kernels } from '../../kernels/kernels.ts';
import { HebbianReadIn } from '../hebbian/hebbian-read-in.ts';
import type { HebbianOptions } from '../hebbian/hebbian-read-in.ts';
import { withoutReadout } from '../session/frozen-features.ts';
import type { Readout } from '../session/readout.ts';
import { AdaptiveNormalisation } from './adaptive-normalisation.ts';
import type { AdaptiveNormalisationOptions } from './adaptive-normalisation.ts';
import { AdaptedState } from './adapted-state.ts';
import { OnlineReadout } from './online-readout.ts';
import type { OnlineReadoutOptions } from './online-readout.ts';

export interface AdaptationOptions {
  /** false: z-scores stay those of calibration. */
  normalisation?: AdaptiveNormalisationOptions | false;
  /**
   * Only for models with a read-in and its statistics. Where the normalisation does not adapt only the modulator does, unless `eta`
   * is given: rows that learn from scores with an offset did harm (docs/drift.md).
   */
  hebbian?: HebbianOptions;
  /** Only for kinds that are trained by gradient. */
  readout?: OnlineReadoutOptions;
}

/** By the part that learned it; absent where that part is not there, or the calibrated one speaks in its place. */
export interface LearnedParts {
  normalisation?: Pick<Normalisation, 'featureMean' | 'featureScale'>;
  hebbian?: { readIn: ReadIn; rest: ReadInStatistics['rest'] };
  readout?: Readout;
}

export class AdaptiveDecoder implements LearningDecoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  readonly core: Decoder;
  readonly account: Float64Array;
  private readonly normalises: boolean;
  private readonly normalisation: AdaptiveNormalisation;
  private readonly hebbian: HebbianReadIn | undefined;
  private readonly readout: OnlineReadout | undefined;
  private readonly adapted: AdaptedState;
  private readonly features: Float32Array;
  private readonly scores: Float32Array;
  private readonly coreInput: Float32Array;
  /** Where a readout learns: what it gets from the core. */
  private readonly coreOutput: Float32Array;

  /**
   * @param model not kept; its smoothing is the session's to apply, as for any decoder
   * @throws BetzError CAL_READ_IN_MISSING, CAL_READ_IN_STATISTICS_MISSING, CAL_METHOD_UNSUPPORTED
   */
  constructor(model: Model, kind: DecoderKind, kernels: Kernels, options: AdaptationOptions = {}) {
    const { normalisation, shape, binMs } = model;
    const { arena } = kernels;
    this.inputCount = shape.inputCount;
    this.outputCount = shape.outputCount;
    this.normalises = options.normalisation !== false;
    this.normalisation = new AdaptiveNormalisation(
      normalisation,
      binMs,
      arena,
      options.normalisation === false ? FROZEN : options.normalisation,
    );
    this.hebbian = options.hebbian === undefined ? undefined : hebbianOf(model, kernels, options);
    const core = coreModel(model, this.hebbian !== undefined);
    if (options.readout === undefined) {
      this.core = kind.createDecoder(core, kernels);
    } else {
      if (kind.ends === undefined) throw readoutMissing(model.kind);
      this.readout = new OnlineReadout(model, arena, options.readout);
      this.core = kind.createDecoder(withoutReadout(core), kernels);
    }
    this.account = arena.allocateFloat64(LEARNING.count);
    this.features = new Float32Array(shape.inputCount);
    this.scores = new Float32Array(shape.inputCount);
    this.coreInput = this.hebbian === undefined ? this.scores : new Float32Array(this.core.inputCount);
    this.coreOutput = new Float32Array(this.core.outputCount);
    const { state, extra } = this.normalisation;
    // So that the states of decoders that adapt in different ways have different sizes, and are not taken for each other.
    this.adapted = new AdaptedState(
      [this.normalises ? state : extra, ...(this.hebbian === undefined ? [] : [this.hebbian.state])],
      this.readout?.state ?? [],
    );
    this.stateBytes = this.adapted.byteLength + this.core.stateBytes;
  }

  step(features: Float32Array, output: Float32Array): void {
    this.features.set(features);
    this.normalisation.normalise(features, this.scores);
    this.hebbian?.apply(this.scores, this.coreInput);
    if (this.readout === undefined) {
      this.core.step(this.coreInput, output);
      return;
    }
    this.core.step(this.coreInput, this.coreOutput);
    this.readout.predict(this.coreOutput, output);
  }

  learn(truth: Float32Array): void {
    const { account, normalisation, hebbian, readout } = this;
    normalisation.learn(this.features, this.scores);
    account[normalisation.isHeld ? LEARNING.heldBins : LEARNING.learnedBins]++;
    if (hebbian?.learn(this.scores, normalisation.isHeld) === true) account[LEARNING.rollbacks]++;
    if (readout === undefined || normalisation.isHeld) return;
    if (readout.learn(this.coreOutput, truth)) account[LEARNING.rollbacks]++;
    account[LEARNING.usesLearnedReadout] = readout.isLearnedUsed() ? 1 : 0;
  }

  /** What is in use of what it has learned up to now, in copies. */
  learned(): LearnedParts {
    const { normalisation, hebbian } = this;
    const readout = this.readout?.learned();
    return {
      ...(this.normalises ? { normalisation: normalisation.learned() } : {}),
      ...(hebbian === undefined ? {} : { hebbian: hebbian.learned() }),
      ...(readout === undefined ? {} : { readout }),
    };
  }

  /** As fresh: what was adapted is forgotten too. */
  reset(): void {
    this.normalisation.reset();
    this.hebbian?.reset();
    this.readout?.reset();
    this.core.reset();
    this.account.fill(0);
  }

  saveState(into: Uint8Array): void {
    this.adapted.save(into);
    this.core.saveState(into.subarray(this.adapted.byteLength, this.stateBytes));
  }

  loadState(from: Uint8Array): void {
    this.adapted.load(from);
    this.core.loadState(from.subarray(this.adapted.byteLength, this.stateBytes));
  }
}

/** Means and deviations that may not move at all. */
const FROZEN: AdaptiveNormalisationOptions = { meanShiftMax: 0, scaleRatioMax: 1, rateFloorHz: 0 };

function hebbianOf(
  { kind, readIn, readInStatistics, binMs }: Model,
  { arena }: Kernels,
  { hebbian, normalisation }: AdaptationOptions,
): HebbianReadIn {
  if (readIn === undefined) {
    throw new BetzError('CAL_READ_IN_MISSING', 'the model has no read-in to adapt', {
      value: kind,
      tip: 'Adapt its normalisation only, or pretrain a model over sessions, which has a read-in.',
    });
  }
  if (readInStatistics === undefined) {
    throw new BetzError(
      'CAL_READ_IN_STATISTICS_MISSING',
      'the model does not say what its latents were like',
      {
        value: kind,
        tip: 'Adapt its normalisation only, or calibrate it again: from 10 s of data on, that is kept.',
      },
    );
  }
  return new HebbianReadIn(readIn, readInStatistics, binMs, arena, {
    ...(normalisation === false ? { eta: 0 } : {}),
    ...hebbian,
  });
}

/** The core takes what is made here: latents, or z-scores. */
function coreModel(model: Model, takesLatents: boolean): Model {
  const { inputCount } = takesLatents ? coreShape(model) : model.shape;
  const core: Model = {
    ...model,
    ...(takesLatents ? { shape: coreShape(model) } : {}),
    normalisation: {
      ...model.normalisation,
      featureMean: new Float32Array(inputCount),
      // A channel that is ignored must not count as one that reads zero.
      featureScale: takesLatents
        ? new Float32Array(inputCount).fill(1)
        : model.normalisation.featureScale.map((scale) => Number(scale > 0)),
    },
  };
  if (!takesLatents) return core;
  delete core.readIn;
  delete core.sessions;
  return core;
}

function readoutMissing(kind: string): BetzError {
  return new BetzError('CAL_METHOD_UNSUPPORTED', `the readout of a '${kind}' decoder cannot learn`, {
    value: kind,
    tip: 'Use a kind that is trained by gradient, or adapt the normalisation only.',
  });
}
