/** `betz export`: a model's streaming step for other programs. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { exportOnnx, onnxGraph } from '../decoders/onnx/export-onnx.ts';
import type { Graph } from '../decoders/onnx/step-graph.ts';
import { readModelFile, writeModelBytes } from '../host/model-store.ts';
import { version } from '../host/version.ts';
import { usageError } from './failure.ts';

interface ExportOptions {
  model: string;
  onnx: string;
  json?: true;
}

export function exportCommand(): Command {
  return new Command('export')
    .description("Write a model's step as an ONNX file: features and states in, output and next states out.")
    .requiredOption('--model <file>', 'model file from `betz calibrate` or `betz import`')
    .requiredOption('--onnx <file>', 'ONNX file to write (opset 17; docs/formats.md)')
    .option('--json', 'print one JSON object on stdout')
    .addHelpText('after', '\nExample:\n  $ betz export --model model.safetensors --onnx model.onnx')
    .action(runExport);
}

function runExport({ model: path, onnx: out, json }: ExportOptions): void {
  if (resolve(path) === resolve(out)) {
    throw usageError(
      'the ONNX file would replace the model',
      out,
      'Give another name, for example model.onnx.',
    );
  }
  const { model } = readModelFile(path);
  const graph = onnxGraph(model);
  const bytes = exportOnnx(model, { name: 'betz', version });
  writeModelBytes(out, bytes);
  if (json) {
    const { inputs, outputs, states } = graph;
    const result = { decoder: model.kind, bytes: bytes.byteLength, inputs, outputs, states, out };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write(
    `${model.kind} step, ${graph.nodes.length} nodes, ${bytes.byteLength} bytes\n` +
      `${valuesText(graph)}\nwritten to ${out}\n`,
  );
}

function valuesText({ inputs, outputs }: Graph): string {
  return [
    ...inputs.map(({ name, shape }) => `  in   ${name} [${shape.join(', ')}]`),
    ...outputs.map(({ name, shape }) => `  out  ${name} [${shape.join(', ')}]`),
  ].join('\n');
}
