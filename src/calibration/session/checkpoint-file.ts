/**
 * An interrupted training in a file (docs/formats.md, "Checkpoint"): a safetensors file with the optimiser's vectors and the tensors
 * chosen so far; everything else is JSON in its metadata. It fits one training only: the same data, options and version.
 */
import { z } from 'zod';
import { BetzError } from '../../core/errors.ts';
import { safetensorsKind } from '../../core/file-kind.ts';
import type { TensorData } from '../../decoders/decoder.ts';
import { readSafetensors, toFloat32, writeSafetensors } from '../../decoders/safetensors.ts';
import type { TrainingCheckpoint } from '../training.ts';

const FORMAT = 'betz-checkpoint';
const VERSION = '1';
const CHOSEN = 'chosen.';
const VECTORS = ['parameters', 'firstMoments', 'secondMoments'] as const;

/** JSON knows no NaN and no infinity. */
const number = z.union([z.number(), z.enum(['NaN', '-Infinity'])]).transform(Number);
const count = z.int().min(0);
const stateSchema = z.strictObject({
  isRefit: z.boolean(),
  index: count,
  stepCount: count,
  rng: z.array(number).length(5),
  bestStep: count,
  bestR2: number,
  checks: z.array(z.strictObject({ step: count, loss: z.number(), validationR2: number })),
});

/** @param fingerprint of everything that the training depends on */
export function encodeCheckpoint(checkpoint: TrainingCheckpoint, fingerprint: string): Uint8Array {
  const { isRefit, index, optimiser, rng, trained } = checkpoint;
  const { bestStep, bestR2, checks } = trained;
  const state = { isRefit, index, stepCount: optimiser.stepCount, rng, bestStep, bestR2, checks };
  const tensors = new Map<string, TensorData>(
    VECTORS.map((name) => [name, { shape: [optimiser[name].length], data: optimiser[name] }]),
  );
  for (const [name, tensor] of Object.entries(trained.tensors)) tensors.set(CHOSEN + name, tensor);
  const json = JSON.stringify(state, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
  const metadata = new Map([
    ['format', FORMAT],
    ['format_version', VERSION],
    ['fingerprint', fingerprint],
    ['state', json],
  ]);
  return writeSafetensors(tensors, metadata);
}

/** @throws BetzError CAL_CHECKPOINT_INVALID, CAL_CHECKPOINT_FOREIGN */
export function decodeCheckpoint(file: Uint8Array, fingerprint: string): TrainingCheckpoint {
  try {
    return decode(file, fingerprint);
  } catch (cause) {
    if (!(cause instanceof BetzError) || cause.code.startsWith('CAL_')) throw cause;
    // Its container is that of models, and its errors speak of them.
    const isOther = cause.code === 'DEC_MODEL_FORMAT_UNKNOWN';
    const problem = isOther ? `it is ${String(cause.value)}` : 'it is cut short or damaged';
    throw invalid(problem, `${file.byteLength} bytes`, cause);
  }
}

function decode(file: Uint8Array, fingerprint: string): TrainingCheckpoint {
  const { metadata, tensors } = readSafetensors(file);
  const format = metadata.get('format');
  if (format !== FORMAT) throw invalid(`it is ${safetensorsKind(format).name}`, format ?? 'no format tag');
  const formatVersion = metadata.get('format_version');
  if (formatVersion !== VERSION) throw invalid('it is of another version', formatVersion ?? 'no version');
  if (metadata.get('fingerprint') !== fingerprint) {
    throw new BetzError(
      'CAL_CHECKPOINT_FOREIGN',
      'the checkpoint belongs to a training with other data or options',
      {
        value: metadata.get('fingerprint') ?? 'none',
        tip: 'Give the recordings and options that it was started with; or delete OUT.checkpoint, and start without --resume.',
      },
    );
  }
  const state = stateSchema.safeParse(parseJson(metadata.get('state') ?? ''));
  if (!state.success) throw invalid('its state is incomplete', z.prettifyError(state.error));
  const { isRefit, index, stepCount, rng, bestStep, bestR2, checks } = state.data;
  const vector = (name: (typeof VECTORS)[number]): Float32Array => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw invalid('a vector is missing', name);
    return toFloat32(name, tensor).data;
  };
  const optimiser = {
    stepCount,
    parameters: vector('parameters'),
    firstMoments: vector('firstMoments'),
    secondMoments: vector('secondMoments'),
  };
  for (const name of VECTORS) {
    if (optimiser[name].length !== optimiser.parameters.length || !optimiser[name].every(Number.isFinite))
      throw invalid('a vector is damaged', name);
  }
  const chosen = [...tensors]
    .filter(([name]) => name.startsWith(CHOSEN))
    .map(([name, tensor]) => [name.slice(CHOSEN.length), toFloat32(name, tensor)] as const);
  return {
    isRefit,
    index,
    optimiser,
    rng,
    trained: { tensors: Object.fromEntries(chosen), bestStep, bestR2, checks },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid('its state is not JSON', text.slice(0, 40), cause);
  }
}

function invalid(problem: string, value: unknown, cause?: unknown): BetzError {
  return new BetzError('CAL_CHECKPOINT_INVALID', `the checkpoint cannot be used: ${problem}`, {
    value,
    tip: 'Delete OUT.checkpoint, and start without --resume.',
    cause,
  });
}
