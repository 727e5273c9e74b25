/**
 * The read-ins of a model file: `read_in.weight` and `read_in.bias` of the session that is decoded, and for every other
 * session i `sessions.i.read_in.*`, `sessions.i.feature_mean` and `sessions.i.feature_scale`.
 */
import { BetzError } from '../core/errors.ts';
import type { DecoderKind, Model, ReadIn, SessionReadIn, TensorData } from './decoder.ts';
import { precisionOf } from './quantise-model.ts';
import type { WritableTensor } from './safetensors.ts';

/** What the metadata say of the other sessions, in their order; undefined: the model has no read-in. */
export type SessionLabels = readonly Pick<SessionReadIn, 'name' | 'channelLabels'>[] | undefined;

export function sessionLabels({ sessions = [] }: Model): SessionLabels {
  return sessions.map(({ name, channelLabels }) => ({ name, channelLabels }));
}

export function sessionTensors({ readIn, sessions = [] }: Model): [string, WritableTensor][] {
  if (readIn === undefined) return [];
  return [
    ...readInTensors('', readIn),
    ...sessions.flatMap((session, index) => [
      ...readInTensors(prefixOf(index), session.readIn),
      ...scoreTensors(session, index),
    ]),
  ];
}

/** @param take gives a stored tensor, or throws */
export function takeSessions(
  take: (name: string) => TensorData,
  labels: SessionLabels,
): Pick<Model, 'readIn' | 'sessions'> {
  if (labels === undefined) return {};
  const takeReadIn = (prefix: string): ReadIn => ({
    weight: take(`${prefix}read_in.weight`),
    bias: take(`${prefix}read_in.bias`),
  });
  const readIn = takeReadIn('');
  const sessions = labels.map((label, index): SessionReadIn => {
    const prefix = prefixOf(index);
    return {
      ...label,
      featureMean: take(`${prefix}feature_mean`).data,
      featureScale: take(`${prefix}feature_scale`).data,
      readIn: takeReadIn(prefix),
    };
  });
  return sessions.length === 0 ? { readIn } : { readIn, sessions };
}

/**
 * That every read-in leads from its session's channels to the same latents.
 * @param checkTensor throws when shape or values are wrong
 * @throws BetzError DEC_MODEL_READ_IN_INVALID, and those of `checkTensor`
 */
export function checkSessions(
  model: Model,
  kind: DecoderKind,
  checkTensor: (name: string, tensor: TensorData, shape: readonly number[]) => void,
): void {
  const { readIn, sessions = [], shape } = model;
  if (readIn === undefined) {
    if (sessions.length > 0) throw readInInvalid('the model has sessions and no read-in', sessions.length);
    return;
  }
  if (kind.ends === undefined) throw readInInvalid(`a '${kind.name}' model has no read-in`, kind.name);
  if (precisionOf(model) === 'int8') throw readInInvalid('an int8 model has its read-in merged', 'int8');
  const latentCount = readIn.weight.shape[0];
  const check = (prefix: string, { weight, bias }: ReadIn, inputCount: number): void => {
    checkTensor(`${prefix}read_in.weight`, weight, [latentCount, inputCount]);
    checkTensor(`${prefix}read_in.bias`, bias, [latentCount]);
  };
  check('', readIn, shape.inputCount);
  sessions.forEach((session, index) => {
    const inputCount = session.channelLabels.length;
    check(prefixOf(index), session.readIn, inputCount);
    for (const [name, tensor] of scoreTensors(session, index)) {
      checkTensor(name, tensor as TensorData, [inputCount]);
    }
    if (session.featureScale.some((scale) => scale < 0))
      throw readInInvalid(`a featureScale of session '${session.name}' is below zero`, index);
  });
}

function prefixOf(index: number): string {
  return `sessions.${index}.`;
}

function readInTensors(prefix: string, { weight, bias }: ReadIn): [string, WritableTensor][] {
  return [
    [`${prefix}read_in.weight`, weight],
    [`${prefix}read_in.bias`, bias],
  ];
}

function scoreTensors(
  { featureMean, featureScale }: SessionReadIn,
  index: number,
): [string, WritableTensor][] {
  const vector = (data: Float32Array): WritableTensor => ({ shape: [data.length], data });
  return [
    [`${prefixOf(index)}feature_mean`, vector(featureMean)],
    [`${prefixOf(index)}feature_scale`, vector(featureScale)],
  ];
}

function readInInvalid(problem: string, value: unknown): BetzError {
  return new BetzError('DEC_MODEL_READ_IN_INVALID', problem, {
    value,
    tip: 'The file is damaged or edited by hand: calibrate again.',
  });
}
