/**
 * One thread's part of a training step: gathers its windows of the batch, runs the decoder's sequence form forward
 * and backward, and gives the gradient as one flat vector. Every thread holds its own kernels and memory.
 */
import type { Kernels } from '../kernels/kernels.ts';
import { createWasmEngine } from '../tensor/wasm/wasm-engine.ts';
import type { Built, Operations, Program } from '../tensor/engine.ts';
import type { UpdateGroup } from '../tensor/optimiser.ts';
import type { DecoderKind, DecoderShape, Model, ParameterSpec, Tensors } from '../decoders/decoder.ts';

/** What is computed in every step; plain data, so that it can cross to a worker. */
export interface StepPlan {
  kind: string;
  config: Model['config'];
  shape: DecoderShape;
  windowBins: number;
  batchCount: number;
  /** Bins at the start of each window that do not count in the loss: the state is still warming up. */
  warmUpBins: number;
  seed: number;
}

/** Normalised data of the whole recording; on shared memory when several threads read them. */
export interface TrainingData {
  /** [binCount x inputCount] */
  features: Float32Array;
  /** [binCount x outputCount] */
  targets: Float32Array;
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

/** Divides `batchCount` rows over `partCount` threads as evenly as it goes. */
export function splitBatch(batchCount: number, partCount: number): BatchPart[] {
  return Array.from({ length: partCount }, (_, i) => {
    const start = Math.floor((i * batchCount) / partCount);
    return { start, count: Math.floor(((i + 1) * batchCount) / partCount) - start };
  });
}

/** What an engine records: inputs `input`, `target` and `weight` [T], the parameters by their names, and the loss. */
export function stepOf(kind: DecoderKind, plan: StepPlan, rowCount: number): (ops: Operations) => Built {
  const { windowBins, shape, config } = plan;
  return (ops) => {
    const input = ops.input('input', [windowBins, rowCount, shape.inputCount]);
    const target = ops.input('target', [windowBins, rowCount, shape.outputCount]);
    const weight = ops.input('weight', [windowBins]);
    const parameters = Object.fromEntries(
      kind.parameters(config, shape).map(({ name, shape: size }) => [name, ops.parameter(name, size)]),
    );
    if (kind.sequence === undefined) throw new Error(`assertion failed: ${kind.name} has no sequence form`);
    const { output, penalties } = kind.sequence(ops, config, parameters, input);
    return { losses: [ops.squaredError(output, target, weight), ...penalties], outputs: {} };
  };
}

export class GradientShard {
  readonly layout: ParameterLayout;
  private readonly plan: StepPlan;
  private readonly data: TrainingData;
  private readonly part: BatchPart;
  private readonly program: Program;
  /** [windowBins x part.count x inputCount] */
  private readonly input: Float32Array;
  /** [windowBins x part.count x outputCount] */
  private readonly target: Float32Array;
  /** Per parameter: its stretch of the last flat vector seen, so that a step makes no views. */
  private readonly staging: readonly Float32Array[];

  constructor(kernels: Kernels, kind: DecoderKind, plan: StepPlan, data: TrainingData, part: BatchPart) {
    const { windowBins, shape } = plan;
    this.plan = plan;
    this.data = data;
    this.part = part;
    this.layout = layoutParameters(kind.parameters(plan.config, shape));
    this.program = createWasmEngine(kernels).compile(stepOf(kind, plan, part.count), {
      seed: plan.seed,
      batch: { start: part.start, globalCount: plan.batchCount },
    });
    this.input = new Float32Array(windowBins * part.count * shape.inputCount);
    this.target = new Float32Array(windowBins * part.count * shape.outputCount);
    this.staging = this.layout.entries.map(({ count }) => new Float32Array(count));
    this.program.write(
      'weight',
      Float32Array.from({ length: windowBins }, (_, bin) => (bin < plan.warmUpBins ? 0 : 1)),
    );
  }

  /**
   * @param parameters flat vector
   * @param starts first bins of the whole batch's windows [batchCount]
   * @param gradient flat vector, written: this part's share of the gradient
   * @returns this part's share of the loss
   */
  run(step: number, parameters: Float32Array, starts: Int32Array, gradient: Float32Array): number {
    const { windowBins, shape } = this.plan;
    const { entries } = this.layout;
    for (let i = 0; i < entries.length; i++) {
      const values = this.staging[i];
      const { offset } = entries[i];
      for (let j = 0; j < values.length; j++) values[j] = parameters[offset + j];
      this.program.write(entries[i].name, values);
    }
    gather(this.input, this.data.features, starts, this.part, windowBins, shape.inputCount);
    gather(this.target, this.data.targets, starts, this.part, windowBins, shape.outputCount);
    this.program.write('input', this.input);
    this.program.write('target', this.target);
    const loss = this.program.run(step);
    for (const { name, offset } of entries) gradient.set(this.program.gradient(name), offset);
    return loss;
  }
}

/** out[t][b][i] = rows[starts[part.start + b] + t][i] */
function gather(
  out: Float32Array,
  rows: Float32Array,
  starts: Int32Array,
  part: BatchPart,
  windowBins: number,
  rowLength: number,
): void {
  for (let b = 0; b < part.count; b++) {
    let from = starts[part.start + b] * rowLength;
    for (let t = 0; t < windowBins; t++) {
      const to = (t * part.count + b) * rowLength;
      for (let i = 0; i < rowLength; i++) out[to + i] = rows[from + i];
      from += rowLength;
    }
  }
}
