/**
 * A model from the state dict of another program (docs/formats.md, "Import").
 *
 * Our tensors carry the names of PyTorch's GRU, mamba-ssm's Mamba and the authors' RWKV-4, so what is left to do is to find
 * them under the prefix and module names of the file, to check every shape, and to leave nothing in the file unexplained.
 * Sizes of one are free: RWKV-4 stores time_mix_* as [1, 1, d], and mamba-ssm its convolution as [D, 1, 4].
 */
import { BetzError } from '../../core/errors.ts';
import type {
  DecoderKind,
  DecoderShape,
  Model,
  Normalisation,
  ParameterSpec,
  TensorData,
} from '../decoder.ts';
import { decoderKinds, findDecoderKind } from '../registry.ts';
import { readSafetensors } from '../safetensors.ts';
import type { StoredTensor } from '../safetensors.ts';
import { convertToFloat32 } from './float-conversion.ts';
import { importInvalid, issuesText } from './import-config.ts';
import type { ImportConfig } from './import-config.ts';
import { isNamedBy, sourceNames } from './source-names.ts';

type Stored = ReadonlyMap<string, StoredTensor>;

/** What became of the file, for the user to look over. */
export interface ImportedModel {
  model: Model;
  /** Our name -> name in the file. */
  sources: ReadonlyMap<string, string>;
  /** Names in the file that were left out, as the config says. */
  ignored: readonly string[];
}

/**
 * @param file safetensors
 * @throws BetzError DEC_IMPORT_*, CFG_IMPORT_INVALID, DEC_KIND_UNKNOWN, and those of `readSafetensors`
 */
export function importModel(
  kindName: string,
  file: Uint8Array,
  config: ImportConfig,
  kinds: readonly DecoderKind[] = decoderKinds,
): ImportedModel {
  const kind = findDecoderKind(kindName, kinds);
  const kindConfig = parseKindConfig(kind, config);
  const channelLabels = labelsOf(config.channels);
  const shape = { inputCount: channelLabels.length, outputCount: config.output.labels.length };
  refuseZip(file);
  const stored = readSafetensors(file).tensors;
  const specs = kind.parameters(kindConfig, shape);
  const { zeros } = config;
  const unknownZero = zeros.find((name) => !specs.some((spec) => spec.name === name));
  if (unknownZero !== undefined) {
    throw importInvalid(`'zeros' names no tensor of this ${kind.name}`, unknownZero);
  }
  const sources = new Map(
    [
      ...sourceNames(
        specs.map(({ name }) => name),
        config,
      ),
    ].filter(([name]) => !zeros.includes(name)),
  );
  const ignored = ignoredNames(stored, config.ignore);
  const normalisation = takeNormalisation(config, shape, stored);
  checkMatch(specs, stored, sources, new Set([...ignored, ...normalisation.sources]));
  const tensors = specs.map(({ name, shape: size }): [string, TensorData] => {
    const source = sources.get(name);
    const data = source === undefined ? new Float32Array(sizeOf(size)) : take(stored, source);
    return [name, { shape: size, data }];
  });
  return {
    model: {
      kind: kind.name,
      config: kindConfig,
      shape,
      tensors: Object.fromEntries(tensors),
      normalisation: normalisation.values,
      features: { name: 'spikeCounts', smoothing: config.smoothing, channelLabels },
      output: config.output,
      binMs: config.binMs,
      provenance: { importedTensors: Object.fromEntries(sources), zeros, ignored },
    },
    sources,
    ignored,
  };
}

/** What `torch.save` writes begins so; a safetensors header would have to be 67 MB long. */
const ZIP_SIGNATURE = [0x50, 0x4b, 0x03, 0x04];

function refuseZip(file: Uint8Array): void {
  if (!ZIP_SIGNATURE.every((byte, i) => file[i] === byte)) return;
  throw new BetzError('DEC_IMPORT_ZIP', 'the state dict is a zip archive, as torch.save writes it', {
    value: `${file.length} bytes that begin with PK`,
    tip: "In PyTorch, write it with safetensors.torch.save_file(module.state_dict(), 'state.safetensors').",
  });
}

function parseKindConfig(kind: DecoderKind, { config }: ImportConfig): Model['config'] {
  const result = kind.configSchema.safeParse(config);
  if (!result.success) {
    throw importInvalid(
      `'config' is none of a ${kind.name}: ${issuesText(result.error)}`,
      config,
      result.error,
    );
  }
  return result.data;
}

function labelsOf(channels: ImportConfig['channels']): string[] {
  return typeof channels === 'number' ? Array.from({ length: channels }, (_, i) => `ch${i}`) : channels;
}

/** @throws BetzError CFG_IMPORT_INVALID for an entry that fits no tensor of the file */
function ignoredNames(stored: Stored, patterns: readonly string[]): string[] {
  for (const pattern of patterns) {
    if (![...stored.keys()].some((name) => isNamedBy(pattern, name))) {
      throw importInvalid("'ignore' names no tensor of the file", pattern);
    }
  }
  return [...stored.keys()].filter((name) => patterns.some((pattern) => isNamedBy(pattern, name)));
}

/** Everything that does not fit, in one error: it takes one look to write the config file that is missing. */
function checkMatch(
  specs: readonly ParameterSpec[],
  stored: Stored,
  sources: ReadonlyMap<string, string>,
  explained: ReadonlySet<string>,
): void {
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const { name, shape } of specs) {
    const source = sources.get(name);
    if (source === undefined) continue;
    const found = stored.get(source)?.shape;
    const label = source === name ? source : `${source} (our ${name})`;
    if (found === undefined) missing.push(`${label} [${shape.join(', ')}]`);
    else if (!isSameShape(found, shape)) {
      misshapen.push(`${label} [${found.join(', ')}], expected [${shape.join(', ')}]`);
    }
  }
  const used = new Set(sources.values());
  const unmatched = [...stored].filter(([name]) => !used.has(name) && !explained.has(name));
  const unexpected = unmatched.map(([name, { shape }]) => `${name} [${shape.join(', ')}]`);
  if (missing.length + misshapen.length + unexpected.length === 0) return;
  const counts = [
    [missing.length, 'missing'],
    [misshapen.length, 'of another shape'],
    [unexpected.length, 'without a place'],
  ].filter(([count]) => count !== 0);
  const summary = counts.map(([count, what]) => `${count} ${what}`).join(', ');
  throw new BetzError('DEC_IMPORT_TENSORS_UNMATCHED', `the tensors of the file do not fit: ${summary}`, {
    value: { missing, misshapen, unexpected },
    tip:
      "Map modules with 'prefix' and 'names', leave tensors out with 'ignore', give biases that the file lacks in 'zeros', " +
      "correct sizes in 'config' and 'channels'.",
  });
}

/** Equal but for sizes of one. */
function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  const rest = (shape: readonly number[]): string => shape.filter((size) => size !== 1).join();
  return rest(a) === rest(b);
}

/** Each vector is in the config file, or in the state dict under a name that the config gives. */
function takeNormalisation(
  { normalisation }: ImportConfig,
  { inputCount, outputCount }: DecoderShape,
  stored: Stored,
): { values: Normalisation; sources: string[] } {
  const sources: string[] = [];
  const vector = (field: keyof Normalisation, size: number): Float32Array => {
    const given = normalisation[field];
    if (typeof given === 'number') return new Float32Array(size).fill(given);
    if (typeof given === 'string') {
      if (!stored.has(given)) throw importInvalid(`the file has no tensor for '${field}'`, given);
      sources.push(given);
    }
    const values = typeof given === 'string' ? take(stored, given) : Float32Array.from(given);
    if (values.length !== size) {
      throw importInvalid(`'${field}' has ${values.length} numbers, not ${size}`, values.length);
    }
    return values;
  };
  const values = {
    featureMean: vector('featureMean', inputCount),
    featureScale: vector('featureScale', inputCount),
    outputMean: vector('outputMean', outputCount),
    outputScale: vector('outputScale', outputCount),
  };
  return { values, sources };
}

function take(stored: Stored, name: string): Float32Array {
  const tensor = stored.get(name);
  if (tensor === undefined) throw new Error(`'${name}' was checked to be there`);
  return convertToFloat32(name, tensor).data;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
