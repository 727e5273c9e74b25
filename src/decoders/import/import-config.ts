/** The config file of an import: what the names and shapes of a state dict do not say (docs/formats.md, "Import"). */
import { z } from 'zod';
import { BetzError } from '../../core/errors.ts';
import { duplicateKey } from '../json-duplicates.ts';
import { BIN_MS_MAX } from '../model-file.ts';

const labels = z.array(z.string().min(1)).min(1).max(65536);
/** Numbers, one number for all, or the name of a tensor in the file. */
function vector(number: z.ZodNumber): z.ZodType<number | number[] | string> {
  return z.union([number, z.array(number), z.string().min(1)]);
}

const schema = z.strictObject({
  /** Of the kind (docs/decoders.md); what is left out has the kind's default. */
  config: z.record(z.string(), z.unknown()).default({}),
  /** In front of every name in the file, e.g. 'module.'. */
  prefix: z.string().default(''),
  /** Module or tensor of ours -> what the file calls it; '*' stands for a number. */
  names: z.record(z.string(), z.string()).default({}),
  /** Our tensors that the file lacks and that are zero, such as the bias of a map without one. */
  zeros: z.array(z.string()).default([]),
  /** Tensors of the file to leave out; 'name.*' is all below 'name'. */
  ignore: z.array(z.string()).default([]),
  /** Labels, or how many. */
  channels: z.union([z.int().min(1).max(65536), labels]),
  smoothing: z.number().min(0).lt(1).default(0),
  binMs: z.number().positive().max(BIN_MS_MAX),
  output: z.strictObject({ name: z.string().min(1), labels, unit: z.string() }),
  normalisation: z.strictObject({
    featureMean: vector(z.number()),
    featureScale: vector(z.number().min(0)),
    outputMean: vector(z.number()),
    outputScale: vector(z.number().positive()),
  }),
});
export type ImportConfig = z.infer<typeof schema>;

/** @param text JSON @throws BetzError CFG_IMPORT_INVALID */
export function parseImportConfig(text: string): ImportConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw importInvalid('it is not JSON', cause instanceof Error ? cause.message : undefined, cause);
  }
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) throw importInvalid(`it names '${duplicate}' twice`, duplicate);
  const result = schema.safeParse(value);
  if (!result.success) throw importInvalid(issuesText(result.error), undefined, result.error);
  return result.data;
}

/** In one line, as errors on the command line have it. */
export function issuesText({ issues }: z.ZodError): string {
  return issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ');
}

export function importInvalid(problem: string, value: unknown, cause?: unknown): BetzError {
  return new BetzError('CFG_IMPORT_INVALID', `the config file of the import: ${problem}`, {
    value,
    cause,
    tip: 'docs/formats.md, "Import", shows a complete config file and what each entry means.',
  });
}
