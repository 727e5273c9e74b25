/** Settings of a decoder, as a user gives them. */
import { BetzError } from '../core/errors.ts';
import type { DecoderKind, Model } from './decoder.ts';

/** Completed with the kind's defaults. @throws BetzError DEC_CONFIG_INVALID */
export function parseConfig(kind: DecoderKind, config: Readonly<Record<string, unknown>>): Model['config'] {
  const parsed = kind.configSchema.safeParse(config);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const name = issue.path.join('.');
  throw new BetzError(
    'DEC_CONFIG_INVALID',
    `the ${kind.name} decoder cannot have these settings: ${issue.message}`,
    {
      value: `${name === '' ? '' : `${name} in `}${JSON.stringify(config)}`,
      tip: 'See docs/decoders.md for the settings of each decoder and their ranges.',
    },
  );
}
