/** An int8 model is exported as the float32 numbers that its weights stand for. */
import { describe, expect, it } from 'vitest';
import { isPeerInstalled } from '../../../src/bench/peers/load-peer.ts';
import { createOnnxruntimeStep, ONNXRUNTIME } from '../../../src/bench/peers/onnxruntime-step.ts';
import type { DecoderKind, Model } from '../../../src/decoders/decoder.ts';
import { exportOnnx, onnxGraph } from '../../../src/decoders/onnx/export-onnx.ts';
import { quantiseModel } from '../../../src/decoders/quantise-model.ts';
import { decoderKinds } from '../../../src/decoders/registry.ts';
import { loadKernels } from '../../../src/host/load-kernels.ts';
import { randomCounts, shakenModel } from '../../support/decoder-models.ts';
import { readOnnx } from '../../support/onnx-reader.ts';

const SHAPE = { inputCount: 12, outputCount: 2 };
const PRODUCER = { name: 'betz', version: 'test' };
const STEPS = 500;
/** Our int8 step rounds its inputs to 16 bits. In units of the output's scale. */
const ROUNDING = 5e-4;

const ABLE = decoderKinds
  .filter((kind) => kind.onnxStep !== undefined)
  .map((kind) => ({ kind, name: kind.name }));
/** A spike more or less, which that rounding can make, is not within any tolerance. */
const WITHOUT_SPIKES = ABLE.filter(({ name }) => name !== 'spiking-ssm');

function withoutInt8(model: Model): Model {
  const tensors = Object.entries(model.tensors).map(([name, { shape, data }]) => [name, { shape, data }]);
  return { ...model, tensors: Object.fromEntries(tensors) as Model['tensors'] };
}

describe.each(ABLE)('the ONNX form of an int8 $name model', ({ kind }) => {
  const float32 = shakenModel(kind, SHAPE, {}, 11);
  const int8 = quantiseModel(float32);

  it('is that of its weights as float32, and says that it was int8', () => {
    expect(onnxGraph(int8)).toEqual(onnxGraph(withoutInt8(int8)));
    expect(onnxGraph(int8)).not.toEqual(onnxGraph(float32));
    expect(readOnnx(exportOnnx(int8, PRODUCER)).metadata.get('betz.precision')).toBe('int8');
  });
});

describe.skipIf(!isPeerInstalled(ONNXRUNTIME)).each(WITHOUT_SPIKES)(
  `the ONNX form of an int8 $name model, in ${ONNXRUNTIME}`,
  ({ kind }) => {
    it(`is within ${ROUNDING} of the int8 decoder, ten times nearer than the float32 model`, async () => {
      const float32 = shakenModel(kind, SHAPE, {}, 11);
      const int8 = quantiseModel(float32);
      const toInt8 = await largestDifference(int8, int8, kind);
      const toFloat32 = await largestDifference(int8, float32, kind);
      expect(toInt8).toBeLessThan(ROUNDING);
      expect(toFloat32).toBeGreaterThan(10 * toInt8);
    });
  },
);

/** Between the exported step of one model and the decoder of another, in units of the output's scale. */
async function largestDifference(exported: Model, decoded: Model, kind: DecoderKind): Promise<number> {
  const { inputCount, outputCount } = SHAPE;
  const peer = await createOnnxruntimeStep(onnxGraph(exported), exportOnnx(exported, PRODUCER));
  const decoder = kind.createDecoder(decoded, loadKernels());
  const features = randomCounts(STEPS, inputCount, 3);
  const output = new Float32Array(outputCount);
  const expected = new Float32Array(outputCount);
  let largest = 0;
  for (let bin = 0; bin < STEPS; bin++) {
    const row = features.slice(bin * inputCount, (bin + 1) * inputCount);
    await peer.step(row, output);
    decoder.step(row, expected);
    for (let o = 0; o < outputCount; o++) {
      const scale = decoded.normalisation.outputScale[o];
      largest = Math.max(largest, Math.abs(output[o] - expected[o]) / scale);
    }
  }
  await peer.dispose();
  return largest;
}
