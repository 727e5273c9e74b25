/** What a small computation under test is made of. */
import type { Operations, Tensor } from '../../src/tensor/engine.ts';

export type Shapes = Readonly<Record<string, readonly number[]>>;
export type Named = Readonly<Record<string, Tensor>>;

/** Its loss is the squared error between the prediction and inputs `target` and `weight` of the right shapes. */
export interface Graph {
  readonly name: string;
  /** Time, batch and features; the batch may be split. */
  readonly inputs: Shapes;
  readonly parameters: Shapes;
  /** [T, B, O] */
  predict(ops: Operations, tensors: Named): Tensor;
  /** A scalar that the loss has besides. */
  penalise?(ops: Operations, tensors: Named): Tensor;
  /** Engine laws that do not hold for it, each with the reason. */
  readonly exempt?: { differences?: string; parts?: string };
  /** Parameters whose place in the gradient holds a statistic. */
  readonly statistics?: readonly string[];
}
