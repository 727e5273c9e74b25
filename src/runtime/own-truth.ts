/** Whatever learns from the behaviour needs that which the model decodes, and no other. */
import type { StreamInfo } from '../acquisition/source.ts';
import { BetzError } from '../core/errors.ts';
import type { Model } from '../decoders/decoder.ts';

/**
 * @param isComparable the truth has the labels and the unit of the output
 * @throws BetzError CAL_TRUTH_MISSING
 */
export function expectOwnTruth(
  { name }: Pick<Model['output'], 'name'>,
  truth: StreamInfo['truth'],
  isComparable: boolean,
): void {
  if (truth !== undefined && isComparable && truth.name === name) return;
  throw new BetzError(
    'CAL_TRUTH_MISSING',
    `the source does not say what '${name}' really is, so there is nothing to learn from`,
    {
      value: truth?.name ?? 'no behaviour',
      tip: 'Use a source with that behaviour: the simulated array, or a recording that has it (--target).',
    },
  );
}
