/** `betz import`: a model from another program's state dict. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Command } from 'commander';
import { BetzError } from '../core/errors.ts';
import { parseImportConfig } from '../decoders/import/import-config.ts';
import { importModel } from '../decoders/import/import-model.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { assertModelPathWritable, modelHash, readModelBytes, writeModelFile } from '../host/model-store.ts';
import { version } from '../host/version.ts';
import { keptLines, REPLACE_HELP, refuseReplacing } from './refuse-replacing.ts';

interface ImportOptions {
  from: string;
  kind: string;
  config: string;
  out: string;
  replace?: true;
  json?: true;
}

export function importCommand(): Command {
  return new Command('import')
    .description('Make a model from the tensors of another program (PyTorch GRU, mamba-ssm, RWKV-4).')
    .requiredOption('--from <file>', 'state dict as .safetensors')
    .requiredOption('--kind <kind>', 'gru, mamba or rwkv')
    .requiredOption('--config <file>', 'JSON file with what the names do not say (docs/formats.md, "Import")')
    .requiredOption('--out <file>', 'model file to write')
    .option('--replace', REPLACE_HELP)
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      `
Examples:
  $ betz import --from state.safetensors --kind gru --config import.json --out model.safetensors
  $ betz evaluate --recording data.mat --model model.safetensors

import.json for a torch.nn.GRU(96, 128) named gru and a torch.nn.Linear(128, 2) named fc:
  {
    "config": { "hiddenCount": 128 },
    "names": { "rnn": "gru", "readout": "fc" },
    "channels": 96,
    "binMs": 20,
    "output": { "name": "handVelocity", "labels": ["x", "y"], "unit": "m/s" },
    "normalisation": { "featureMean": 0, "featureScale": 1, "outputMean": 0, "outputScale": 1 }
  }`,
    )
    .action(runImport);
}

function runImport(options: ImportOptions): void {
  const { from, kind, out } = options;
  findDecoderKind(kind);
  refuseReplacing(from, out, 'the model would replace the file it is made from');
  refuseReplacing(options.config, out, 'the model would replace the config file');
  assertModelPathWritable(out, options.replace);
  const config = parseImportConfig(readConfig(options.config));
  const file = readModelBytes(from);
  const { model, sources, ignored } = importModel(kind, file, config);
  const provenance = { ...model.provenance, importedFrom: basename(from), importedSha256: modelHash(file) };
  const { hash, bytes, previous } = writeModelFile(out, { ...model, provenance }, `betz ${version}`);
  const { zeros } = config;
  if (options.json) {
    const result = {
      decoder: kind,
      tensors: sources.size,
      zeros,
      ignored,
      bytes,
      hash,
      out,
      previous: previous ?? null,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const notes = [
    ...(zeros.length > 0 ? [`zero, as the config file says: ${zeros.join(', ')}`] : []),
    ...(ignored.length > 0 ? [`left out, as the config file says: ${ignored.join(', ')}`] : []),
  ];
  process.stdout.write(
    [
      `${kind} model from ${sources.size} tensors of ${from}`,
      ...notes,
      `written to ${out}`,
      ...keptLines(previous),
      '',
    ].join('\n'),
  );
}

/** @throws BetzError CFG_FILE_UNREADABLE */
function readConfig(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new BetzError('CFG_FILE_UNREADABLE', 'the config file cannot be read', {
      value: path,
      tip: 'Check the path and the permissions of the file.',
      cause,
    });
  }
}
