/** What every step of a gradient training computes, as plain data that can cross to a worker, and what it learns. */
import type { DecoderKind, DecoderShape, Model, ParameterSpec, Tensors } from '../decoders/decoder.ts';
import type { UpdateGroup } from '../tensor/optimiser.ts';
import type { Augmentation } from './augmentation.ts';

/**
 * all      everything
 * readIn   the read-ins; the core stays as it is
 * lowRank  the read-ins, and a change of low rank to every matrix that the core multiplies with (LoRA: Hu et al. 2021,
 *          arXiv 2106.09685): W + up down^T
 */
export type LearnedPart = 'all' | 'readIn' | 'lowRank';

export interface StepPlan {
  kind: string;
  config: Model['config'];
  /** Of the core. */
  shape: DecoderShape;
  windowBins: number;
  batchCount: number;
  /** Bins at the start of each window that do not count in the loss: the state is still warming up. */
  warmUpBins: number;
  seed: number;
  /** The batch's rows by session, each session behind a read-in of its own. Absent: one session, which the core sees itself. */
  sessions?: readonly SessionRows[];
  /** Default: all. */
  learns?: LearnedPart;
  /** Of changes of low rank. */
  rank?: number;
  augmentation?: Augmentation;
}

interface SessionRows {
  channelCount: number;
  /** Rows of every batch that are windows of this session. */
  rowCount: number;
}

/** Normalised data of one session; on shared memory when several threads read them. */
export interface TrainingData {
  /** [binCount x channelCount] */
  features: Float32Array;
  /** [binCount x outputCount] */
  targets: Float32Array;
  /** Normalised distance from no spikes to the mean, mean x scale: what a gain changes. [channelCount]; default: zeros */
  restLevels?: Float32Array;
}

/** Rows [start, start + count) of the batch. */
export interface BatchPart {
  start: number;
  count: number;
}

/** Where each parameter lies in the flat vector. */
export interface ParameterLayout {
  count: number;
  entries: readonly (ParameterSpec & { offset: number; count: number })[];
}

export function layoutParameters(specs: readonly ParameterSpec[]): ParameterLayout {
  let offset = 0;
  const entries = specs.map((spec) => {
    const count = spec.shape.reduce((product, size) => product * size, 1);
    const entry = { ...spec, offset, count };
    offset += count;
    return entry;
  });
  return { count: offset, entries };
}

/** How the parameters of a layout are updated, neighbours of one kind together. */
export function updateGroups(layout: ParameterLayout): UpdateGroup[] {
  const groups: UpdateGroup[] = [];
  for (const { count, update = 'decayed' } of layout.entries) {
    const last = groups.length - 1;
    if (last >= 0 && groups[last].update === update) groups[last].count += count;
    else groups.push({ count, update });
  }
  return groups;
}

/** Copies a flat vector into named tensors. */
export function unflatten(layout: ParameterLayout, flat: Float32Array): Tensors {
  return Object.fromEntries(
    layout.entries.map(({ name, shape, offset, count }) => [
      name,
      { shape, data: flat.slice(offset, offset + count) },
    ]),
  );
}

/** What training changes: the flat vector's parameters, in order. */
export function learnedParameters(kind: DecoderKind, plan: StepPlan): ParameterSpec[] {
  const { learns = 'all' } = plan;
  const core = kind.parameters(plan.config, plan.shape);
  return [
    ...(learns === 'all' ? core : []),
    ...(learns === 'lowRank' ? lowRankParameters(kind, plan) : []),
    ...(plan.sessions ?? []).flatMap(({ channelCount }, session) =>
      readInParameters(plan, session, channelCount),
    ),
  ];
}

/** What it needs beside them, and leaves as it is. */
export function fixedParameters(kind: DecoderKind, plan: StepPlan): readonly ParameterSpec[] {
  return (plan.learns ?? 'all') === 'all' ? [] : kind.parameters(plan.config, plan.shape);
}

export function readInNames(session: number): { weight: string; bias: string } {
  return { weight: `sessions.${session}.read_in.weight`, bias: `sessions.${session}.read_in.bias` };
}

export function lowRankNames(name: string): { up: string; down: string } {
  return { up: `low_rank.${name}.up`, down: `low_rank.${name}.down` };
}

/** The matrices that a step multiplies with, by their names; a convolution is none. */
export function matrixNames(
  kind: DecoderKind,
  plan: Pick<StepPlan, 'config' | 'shape'>,
): ReadonlySet<string> {
  const { config, shape } = plan;
  const maps = new Set(kind.account(config, shape).maps.map(({ name }) => name));
  const matrices = kind
    .parameters(config, shape)
    .filter((spec) => spec.shape.length === 2 && maps.has(spec.name));
  return new Set(matrices.map(({ name }) => name));
}

function readInParameters({ shape }: StepPlan, session: number, channelCount: number): ParameterSpec[] {
  const { weight, bias } = readInNames(session);
  return [
    { name: weight, shape: [shape.inputCount, channelCount], update: 'undecayed' },
    { name: bias, shape: [shape.inputCount], update: 'undecayed' },
  ];
}

function lowRankParameters(kind: DecoderKind, plan: StepPlan): ParameterSpec[] {
  const { rank = 1 } = plan;
  const matrices = matrixNames(kind, plan);
  return kind
    .parameters(plan.config, plan.shape)
    .filter(({ name }) => matrices.has(name))
    .flatMap(({ name, shape: [rows, cols] }): ParameterSpec[] => {
      const { up, down } = lowRankNames(name);
      return [
        { name: up, shape: [rows, rank], update: 'undecayed' },
        { name: down, shape: [cols, rank], update: 'undecayed' },
      ];
    });
}
