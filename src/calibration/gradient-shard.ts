/**
 * One thread's part of a training step: gathers its windows of the batch, runs the decoder's sequence form forward
 * and backward, and gives the gradient as one flat vector. Every thread holds its own kernels and memory.
 */
import type { DecoderKind, Tensors } from '../decoders/decoder.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { Program } from '../tensor/engine.ts';
import { createWasmEngine } from '../tensor/wasm/wasm-engine.ts';
import { NO_AUGMENTATION, WindowAugmenter } from './augmentation.ts';
import { fixedParameters, layoutParameters, learnedParameters } from './step-plan.ts';
import type { BatchPart, ParameterLayout, StepPlan, TrainingData } from './step-plan.ts';
import { sessionParts, stepOf } from './training-graph.ts';
import type { SessionPart } from './training-graph.ts';

/** Divides `batchCount` rows over `partCount` threads as evenly as it goes. */
export function splitBatch(batchCount: number, partCount: number): BatchPart[] {
  return Array.from({ length: partCount }, (_, i) => {
    const start = Math.floor((i * batchCount) / partCount);
    return { start, count: Math.floor(((i + 1) * batchCount) / partCount) - start };
  });
}

export class GradientShard {
  readonly layout: ParameterLayout;
  private readonly plan: StepPlan;
  private readonly data: readonly TrainingData[];
  private readonly part: BatchPart;
  private readonly program: Program;
  private readonly augmenter: WindowAugmenter;
  private readonly sessions: readonly (SessionPart & { input: Float32Array })[];
  /** [windowBins x part.count x outputCount] */
  private readonly target: Float32Array;
  /**
   * Of the learned parameters that this part's windows meet: a stretch of the last flat vector seen, so that a step makes no
   * views.
   */
  private readonly staging: readonly { name: string; offset: number; values: Float32Array }[];

  /**
   * @param data one for each session
   * @param fixed what is not learned
   */
  constructor(
    kernels: Kernels,
    kind: DecoderKind,
    plan: StepPlan,
    data: readonly TrainingData[],
    part: BatchPart,
    fixed: Tensors = {},
  ) {
    const { windowBins, shape } = plan;
    this.plan = plan;
    this.data = data;
    this.part = part;
    this.layout = layoutParameters(learnedParameters(kind, plan));
    this.program = createWasmEngine(kernels).compile(stepOf(kind, plan, part), {
      seed: plan.seed,
      batch: { start: part.start, globalCount: plan.batchCount },
    });
    for (const { name } of fixedParameters(kind, plan)) this.program.write(name, fixed[name].data);
    this.sessions = sessionParts(plan, part).map((session) => ({
      ...session,
      input: new Float32Array(windowBins * session.rowCount * session.channelCount),
    }));
    this.augmenter = new WindowAugmenter(
      plan.augmentation ?? NO_AUGMENTATION,
      Math.max(...this.sessions.map(({ channelCount }) => channelCount)),
    );
    this.target = new Float32Array(windowBins * part.count * shape.outputCount);
    const met = new Set(this.program.parameterNames);
    this.staging = this.layout.entries
      .filter(({ name }) => met.has(name))
      .map(({ name, offset, count }) => ({ name, offset, values: new Float32Array(count) }));
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
    for (const { name, offset, values } of this.staging) {
      for (let j = 0; j < values.length; j++) values[j] = parameters[offset + j];
      this.program.write(name, values);
    }
    for (const session of this.sessions) {
      this.gather(step, session, starts);
      this.program.write(session.inputName, session.input);
    }
    this.program.write('target', this.target);
    const loss = this.program.run(step);
    gradient.fill(0);
    for (const { name, offset } of this.staging) gradient.set(this.program.gradient(name), offset);
    return loss;
  }

  /** Features into input[t][row][channel], targets into target[t][row of the part][output]. */
  private gather(
    step: number,
    { session, channelCount, firstRow, rowCount, input }: SessionPart & { input: Float32Array },
    starts: Int32Array,
  ): void {
    const { plan, part, augmenter, target } = this;
    const { windowBins, augmentation } = plan;
    const { outputCount } = plan.shape;
    const { features, targets, restLevels } = this.data[session];
    for (let b = 0; b < rowCount; b++) {
      const row = firstRow + b;
      if (augmentation !== undefined) augmenter.draw(plan.seed, step, row, channelCount, restLevels);
      for (let t = 0; t < windowBins; t++) {
        const bin = starts[row] + t;
        const to = (t * rowCount + b) * channelCount;
        if (augmentation === undefined) copy(input, to, features, bin * channelCount, channelCount);
        else augmenter.apply(input, to, features, bin * channelCount, channelCount);
        const targetBin = bin + augmenter.shiftBins;
        const targetTo = (t * part.count + row - part.start) * outputCount;
        copy(target, targetTo, targets, targetBin * outputCount, outputCount);
      }
    }
  }
}

function copy(out: Float32Array, to: number, rows: Float32Array, from: number, count: number): void {
  for (let i = 0; i < count; i++) out[to + i] = rows[from + i];
}
