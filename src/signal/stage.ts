/**
 * The contract of streaming stages, and the laws that test/compliance/stage.ts holds every stage to: any split of
 * the input gives the same output; an empty block changes nothing; a borrowed buffer is not kept; reset equals
 * fresh. `process` allocates nothing.
 *
 * There is no z-score stage: every decoder folds the model's normalisation into its first weights and biases
 * (decoders/decoder.ts, Normalisation), so that raw counts reach it and zero counts cost nothing.
 */
import type { Block, BlockShape } from './block.ts';

export interface Stage {
  /** For reports of time per stage: 'binning', 'smoothing'. */
  readonly name: string;
  /** Called once, before anything else. @returns the shape of the blocks that `process` writes */
  prepare(shape: BlockShape): BlockShape;
  /**
   * @param input rows of the prepared shape, at most maxRows; not changed, not kept
   * @param output of the returned shape; overwritten
   */
  process(input: Block, output: Block): void;
  /** Back to the state of a stage that was just prepared. */
  reset(): void;
}
