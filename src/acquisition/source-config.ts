/** Configs of sources are checked once, where they come in; behind this the types are trusted. */
import type { z } from 'zod';
import { BetzError } from '../core/errors.ts';
import type { Source, SourceDependencies, SourceKind } from './source.ts';

/** A kind from its name, the schema of its config, and a constructor that gets the checked config. */
export function defineSourceKind<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
  create: (config: z.output<Schema>, dependencies: SourceDependencies) => Source,
): SourceKind {
  return {
    name,
    create: (config, dependencies) =>
      create(parseSourceConfig(schema, config, `the ${name} source`), dependencies),
  };
}

/**
 * @param subject what the config is of, for the message
 * @throws BetzError CFG_SOURCE_CONFIG naming the first thing that is wrong and its value
 */
export function parseSourceConfig<Schema extends z.ZodType>(
  schema: Schema,
  config: unknown,
  subject: string,
): z.output<Schema> {
  const result = schema.safeParse(config);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue.path.map(String).join('.');
  const field = path === '' ? 'config' : path;
  throw new BetzError(
    'CFG_SOURCE_CONFIG',
    `the config of ${subject} is not valid: ${field}: ${issue.message}`,
    {
      value: describe(valueAt(config, issue.path)),
      tip: `Give '${field}' a value as described, or leave it out for its default.`,
    },
  );
}

function valueAt(config: unknown, path: readonly PropertyKey[]): unknown {
  let value = config;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** A config can hold a whole recording: what the error carries stays short. */
function describe(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if (typeof value !== 'object' || value === null) return value;
  return Array.isArray(value) ? `a list of ${value.length}` : `fields ${Object.keys(value).join(', ')}`;
}
