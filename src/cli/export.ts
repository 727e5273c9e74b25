/** `betz export`: a model's streaming step for other programs. */
import { Command } from 'commander';
import { exportOnnx, onnxGraph } from '../decoders/onnx/export-onnx.ts';
import type { Graph } from '../decoders/onnx/step-graph.ts';
import { precisionOf } from '../decoders/quantise-model.ts';
import { assertModelPathWritable, readModelFile, writeModelBytes } from '../host/model-store.ts';
import { version } from '../host/version.ts';
import { keptLines, REPLACE_HELP, refuseReplacing } from './refuse-replacing.ts';

interface ExportOptions {
  model: string;
  onnx: string;
  replace?: true;
  json?: true;
}

export function exportCommand(): Command {
  return new Command('export')
    .description("Write a model's step as an ONNX file: features and states in, output and next states out.")
    .requiredOption('--model <file>', 'model file from `betz calibrate` or `betz import`')
    .requiredOption('--onnx <file>', 'ONNX file to write (opset 17; docs/formats.md)')
    .option('--replace', REPLACE_HELP)
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      `
Examples:
  $ betz export --model model.safetensors --onnx model.onnx
  $ betz export --model model.safetensors --onnx model.onnx --json    states with shapes and first values

Whoever runs the graph feeds each output next.NAME back into the input state.NAME; docs/formats.md has a loop.`,
    )
    .action(runExport);
}

function runExport({ model: path, onnx: out, replace, json }: ExportOptions): void {
  refuseReplacing(path, out, 'the ONNX file would replace the model');
  assertModelPathWritable(out, replace);
  const { model } = readModelFile(path);
  const graph = onnxGraph(model);
  const bytes = exportOnnx(model, { name: 'betz', version });
  const precision = precisionOf(model);
  const previous = writeModelBytes(out, bytes);
  if (json) {
    const { inputs, outputs, states } = graph;
    const result = {
      decoder: model.kind,
      precision,
      bytes: bytes.byteLength,
      inputs,
      outputs,
      states,
      out,
      previous: previous ?? null,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const lines = [
    `${model.kind} step, ${graph.nodes.length} nodes, ${bytes.byteLength} bytes`,
    ...valueLines(graph),
    ...(precision === 'int8' ? ['int8 weights, written as the float32 numbers that they stand for'] : []),
    `written to ${out}`,
    ...keptLines(previous),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** A state's first value is told where it is not 0. */
function valueLines({ inputs, outputs, states }: Graph): string[] {
  const initials = new Map(states.map(({ input, initial }) => [input, initial]));
  const start = (name: string): string => {
    const initial = initials.get(name) ?? 0;
    return initial === 0 ? '' : `, ${initial} at first`;
  };
  return [
    ...inputs.map(({ name, shape }) => `  in   ${name} [${shape.join(', ')}]${start(name)}`),
    ...outputs.map(({ name, shape }) => `  out  ${name} [${shape.join(', ')}]`),
  ];
}
