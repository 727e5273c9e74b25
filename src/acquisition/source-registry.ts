/** Every source kind that Betz knows: adding one is a folder and a line. */
import { BetzError } from '../core/errors.ts';
import { replaySource } from './replay/replay-source.ts';
import { simulatedSource } from './simulated/simulated-source.ts';
import type { Source, SourceDependencies, SourceKind } from './source.ts';

const SOURCE_KINDS: readonly SourceKind[] = [
  simulatedSource, // a seeded electrode array that reaches for random targets
  replaySource, // a recording as if it were live
];

export const sourceKindNames: readonly string[] = SOURCE_KINDS.map((kind) => kind.name);

/** @throws BetzError CFG_SOURCE_UNKNOWN, CFG_SOURCE_CONFIG */
export function createSource(kindName: string, config: unknown, dependencies: SourceDependencies): Source {
  const kind = SOURCE_KINDS.find((each) => each.name === kindName);
  if (kind === undefined) {
    throw new BetzError('CFG_SOURCE_UNKNOWN', `no source is called '${kindName}'`, {
      value: kindName,
      tip: `Choose one of: ${sourceKindNames.join(', ')}.`,
    });
  }
  return kind.create(config, dependencies);
}
