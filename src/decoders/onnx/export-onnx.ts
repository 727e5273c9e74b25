/**
 * A model's streaming step as an ONNX file (docs/formats.md, "ONNX file"). An int8 model is written as the float32 numbers
 * that its weights stand for: operators that compute with int8 weights round their inputs otherwise than our kernels do.
 */
import { BetzError } from '../../core/errors.ts';
import { canonicalJson } from '../architecture-hash.ts';
import type { DecoderKind, Model } from '../decoder.ts';
import { architectureHash } from '../model-file.ts';
import { precisionOf } from '../quantise-model.ts';
import { decoderKinds, findDecoderKind } from '../registry.ts';
import { encodeGraph } from './encode-graph.ts';
import type { OnnxProducer } from './encode-graph.ts';
import { StepGraph } from './step-graph.ts';
import type { Graph } from './step-graph.ts';

const ONNX_FORMAT_VERSION = '1';

/** @throws BetzError DEC_ONNX_UNSUPPORTED, DEC_KIND_UNKNOWN */
export function exportOnnx(
  model: Model,
  producer: OnnxProducer,
  kinds: readonly DecoderKind[] = decoderKinds,
): Uint8Array {
  const graph = onnxGraph(model, kinds);
  return encodeGraph(graph, `betz-${model.kind}-step`, producer, describe(model, graph));
}

/** @throws BetzError DEC_ONNX_UNSUPPORTED, DEC_KIND_UNKNOWN */
export function onnxGraph(model: Model, kinds: readonly DecoderKind[] = decoderKinds): Graph {
  const kind = findDecoderKind(model.kind, kinds);
  if (kind.onnxStep === undefined) {
    const able = kinds.filter((other) => other.onnxStep !== undefined).map(({ name }) => name);
    throw new BetzError('DEC_ONNX_UNSUPPORTED', `a '${kind.name}' model has no ONNX form`, {
      value: kind.name,
      tip: `Export a model of one of these kinds: ${able.join(', ')}.`,
    });
  }
  const graph = new StepGraph();
  kind.onnxStep(model, graph);
  return graph.finish();
}

/** What a program needs to feed the graph and to read its output. */
function describe(model: Model, { states }: Graph): ReadonlyMap<string, string> {
  return new Map([
    ['betz.format_version', ONNX_FORMAT_VERSION],
    ['betz.kind', model.kind],
    ['betz.precision', precisionOf(model)],
    ['betz.config', canonicalJson(model.config)],
    ['betz.architecture_hash', architectureHash(model)],
    ['betz.bin_ms', canonicalJson(model.binMs)],
    ['betz.features', canonicalJson(model.features)],
    ['betz.output', canonicalJson(model.output)],
    ['betz.states', canonicalJson(states)],
  ]);
}
