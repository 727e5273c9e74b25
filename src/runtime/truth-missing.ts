/** What needs the behaviour to learn from cannot do without it. */
import type { StreamInfo } from '../acquisition/source.ts';
import { BetzError } from '../core/errors.ts';
import type { Model } from '../decoders/decoder.ts';

export function truthMissing({ name }: Pick<Model['output'], 'name'>, truth: StreamInfo['truth']): BetzError {
  return new BetzError(
    'CAL_TRUTH_MISSING',
    `the source does not say what '${name}' really is, so there is nothing to learn from`,
    {
      value: truth?.name ?? 'no behaviour',
      tip: 'Use a source with that behaviour: the simulated array, or a recording that has it (--target).',
    },
  );
}
