/** Which tensor of a state dict becomes which of ours, by the `prefix` and `names` of the config file. */
import { importInvalid } from './import-config.ts';
import type { ImportConfig } from './import-config.ts';

/** A line of `names`: a module or tensor of ours, segment by segment. */
interface Renaming {
  from: readonly string[];
  to: string;
}

/**
 * 'rnn' -> 'gru' makes 'rnn.weight_ih_l0' come from 'gru.weight_ih_l0'; 'rnn' -> '' from 'weight_ih_l0'; and
 * 'layers.*.mixer' -> 'blocks.*.mamba' makes 'layers.3.mixer.D' come from 'blocks.3.mamba.D'. The longest line that fits counts.
 * @param ours names of the kind's tensors
 * @returns our name -> name in the file
 * @throws BetzError CFG_IMPORT_INVALID for a line that fits none of them, or lines that give two tensors one name
 */
export function sourceNames(
  ours: readonly string[],
  { prefix, names }: Pick<ImportConfig, 'prefix' | 'names'>,
): ReadonlyMap<string, string> {
  const renamings = Object.entries(names)
    .map(([from, to]) => ({ from: from.split('.'), to }))
    .sort((a, b) => b.from.length - a.from.length);
  const used = new Set<Renaming>();
  const sources = new Map<string, string>();
  const taken = new Map<string, string>();
  for (const name of ours) {
    const renaming = renamings.find(({ from }) => fits(name, from));
    if (renaming !== undefined) used.add(renaming);
    const source = prefix + (renaming === undefined ? name : rename(name, renaming));
    const other = taken.get(source);
    if (other !== undefined) throw importInvalid(`'${other}' and '${name}' would be one tensor`, source);
    taken.set(source, name);
    sources.set(name, source);
  }
  for (const renaming of renamings) {
    if (used.has(renaming)) continue;
    const line = renaming.from.join('.');
    throw importInvalid(`no tensor begins with '${line}' (or a longer line of 'names' takes it)`, line);
  }
  return sources;
}

/** @param pattern of `ignore`: a name, or 'name.*' for everything below it */
export function isNamedBy(pattern: string, name: string): boolean {
  return pattern.endsWith('.*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function fits(name: string, from: readonly string[]): boolean {
  const segments = name.split('.');
  if (segments.length < from.length) return false;
  return from.every((part, i) => part === segments[i] || (part === '*' && /^\d+$/.test(segments[i])));
}

/** The numbers that '*' stands for go into the new name in their order. */
function rename(name: string, { from, to }: Renaming): string {
  const segments = name.split('.');
  const numbers = segments.filter((_, i) => from[i] === '*');
  const start = to
    .split('.')
    .map((part) => (part === '*' ? (numbers.shift() ?? part) : part))
    .join('.');
  return [start, ...segments.slice(from.length)].filter((part) => part !== '').join('.');
}
