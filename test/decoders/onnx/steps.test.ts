import { describe, expect, it } from 'vitest';
import { BetzError } from '../../../src/core/errors.ts';
import { onnxGraph } from '../../../src/decoders/onnx/export-onnx.ts';
import { gru } from '../../../src/decoders/gru/index.ts';
import { rwkv } from '../../../src/decoders/rwkv/index.ts';
import { transformer } from '../../../src/decoders/transformer/index.ts';
import { wiener } from '../../../src/decoders/wiener/index.ts';
import { describeOnnxStep } from '../../compliance/onnx.ts';
import { randomModel } from '../../support/decoder-models.ts';

const SHAPE = { inputCount: 12, outputCount: 2 };

describeOnnxStep(gru, { config: { hiddenCount: 17 }, shape: SHAPE });
describeOnnxStep(gru, {
  config: { hiddenCount: 8, layerCount: 3 },
  shape: { inputCount: 1, outputCount: 1 },
});
describeOnnxStep(rwkv, { config: { width: 16, layerCount: 1 }, shape: SHAPE });
describeOnnxStep(rwkv, { config: { width: 10, layerCount: 3, feedForwardCount: 7 }, shape: SHAPE });
describeOnnxStep(transformer, { config: { width: 24, headCount: 3, windowBins: 9 }, shape: SHAPE });
describeOnnxStep(transformer, {
  config: { width: 6, headCount: 1, layerCount: 1, windowBins: 1, feedForwardCount: 5 },
  shape: SHAPE,
});

describe('a kind without an ONNX form', () => {
  it('is refused, and the tip names those that have one', () => {
    const model = randomModel(wiener, SHAPE, {}, 1);
    expect(() => onnxGraph(model)).toThrow(BetzError);
    try {
      onnxGraph(model);
    } catch (error) {
      expect(error).toMatchObject({ code: 'DEC_ONNX_UNSUPPORTED', value: 'wiener' });
      expect((error as BetzError).tip).toContain('gru');
    }
  });
});
