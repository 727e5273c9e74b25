/** A training step as an engine records it: sessions' windows through their read-ins, the core, and the loss. */
import type { DecoderKind } from '../decoders/decoder.ts';
import type { Built, Operations, Tensor } from '../tensor/engine.ts';
import { lowRankNames, matrixNames, readInNames } from './step-plan.ts';
import type { BatchPart, StepPlan } from './step-plan.ts';

/** Rows of a batch part that belong to one session. */
export interface SessionPart {
  session: number;
  /** Of the program's input. */
  inputName: string;
  channelCount: number;
  /** In the whole batch. */
  firstRow: number;
  rowCount: number;
}

/** Which sessions' rows a part of the batch holds, in order. */
export function sessionParts(plan: StepPlan, part: BatchPart): SessionPart[] {
  const rows = plan.sessions ?? [{ channelCount: plan.shape.inputCount, rowCount: plan.batchCount }];
  const parts: SessionPart[] = [];
  let firstRow = 0;
  rows.forEach(({ channelCount, rowCount }, session) => {
    const start = Math.max(firstRow, part.start);
    const end = Math.min(firstRow + rowCount, part.start + part.count);
    if (end > start) {
      const inputName = plan.sessions === undefined ? 'input' : `input.${session}`;
      parts.push({ session, inputName, channelCount, firstRow: start, rowCount: end - start });
    }
    firstRow += rowCount;
  });
  return parts;
}

/**
 * Inputs: `input` or `input.SESSION` [T, rows, channels], `target` [T, rows, outputs] and `weight` [T]; parameters by the names of
 * step-plan.ts. Matrices that are not learned are inputs, which costs no gradient; what else is not learned is a parameter whose
 * gradient nobody reads.
 */
export function stepOf(kind: DecoderKind, plan: StepPlan, part: BatchPart): (ops: Operations) => Built {
  const { windowBins, shape, config, learns = 'all' } = plan;
  const matrices = matrixNames(kind, plan);
  return (ops) => {
    const specs = kind.parameters(config, shape);
    const target = ops.input('target', [windowBins, part.count, shape.outputCount]);
    const weight = ops.input('weight', [windowBins]);
    const core = specs.map(({ name, shape: size }): [string, Tensor] => {
      if (learns === 'all' || !matrices.has(name)) return [name, ops.parameter(name, size)];
      const fixed = ops.input(name, size);
      return [name, learns === 'lowRank' ? lowRankSum(ops, fixed, name, size, plan.rank ?? 1) : fixed];
    });
    const latents = sessionParts(plan, part).map(({ session, inputName, channelCount, rowCount }) => {
      const input = ops.input(inputName, [windowBins, rowCount, channelCount]);
      if (plan.sessions === undefined) return input;
      const names = readInNames(session);
      return ops.linear(
        input,
        ops.parameter(names.weight, [shape.inputCount, channelCount]),
        ops.parameter(names.bias, [shape.inputCount]),
      );
    });
    if (kind.sequence === undefined) throw new Error(`assertion failed: ${kind.name} has no sequence form`);
    const { output, penalties } = kind.sequence(
      ops,
      config,
      Object.fromEntries(core),
      ops.joinBatch(latents),
    );
    return { losses: [ops.squaredError(output, target, weight), ...penalties], outputs: {} };
  };
}

/** W + up down^T */
function lowRankSum(
  ops: Operations,
  fixed: Tensor,
  name: string,
  [rows, cols]: readonly number[],
  rank: number,
): Tensor {
  const { up, down } = lowRankNames(name);
  return ops.add(fixed, ops.linear(ops.parameter(up, [rows, rank]), ops.parameter(down, [cols, rank])));
}
