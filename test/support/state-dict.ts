/** State dicts of other programs as safetensors files, and config files to import them. */
import type { ImportConfig } from '../../src/decoders/import/import-config.ts';
import { parseImportConfig } from '../../src/decoders/import/import-config.ts';
import type { Model, TensorData } from '../../src/decoders/decoder.ts';
import { writeSafetensors } from '../../src/decoders/safetensors.ts';

export function stateDict(tensors: Readonly<Record<string, TensorData>>): Uint8Array {
  return writeSafetensors(new Map(Object.entries(tensors)), new Map([['format', 'pt']]));
}

/** What describes a model that has our own names. @param changes entries to replace; undefined leaves one out */
export function importConfigOf(model: Model, changes: Readonly<Record<string, unknown>> = {}): ImportConfig {
  return parseImportConfig(JSON.stringify({ ...importConfigEntries(model), ...changes }));
}

export function importConfigEntries(model: Model): Record<string, unknown> {
  const { featureMean, featureScale, outputMean, outputScale } = model.normalisation;
  return {
    config: model.config,
    channels: model.features.channelLabels,
    smoothing: model.features.smoothing,
    binMs: model.binMs,
    output: model.output,
    normalisation: {
      featureMean: Array.from(featureMean),
      featureScale: Array.from(featureScale),
      outputMean: Array.from(outputMean),
      outputScale: Array.from(outputScale),
    },
  };
}

/** @param rename of every name @param reshape of every shape */
export function renamedTensors(
  model: Model,
  rename: (name: string) => string,
  reshape: (shape: readonly number[], name: string) => readonly number[] = (shape) => shape,
): Record<string, TensorData> {
  return Object.fromEntries(
    Object.entries(model.tensors).map(([name, { shape, data }]) => [
      rename(name),
      { shape: reshape(shape, name), data },
    ]),
  );
}
