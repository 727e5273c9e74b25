import { describe, expect, it } from 'vitest';
import { fileKind } from '../../src/core/file-kind.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { exportOnnx } from '../../src/decoders/onnx/export-onnx.ts';
import { findDecoderKind } from '../../src/decoders/registry.ts';
import { writeSafetensors } from '../../src/decoders/safetensors.ts';
import { randomModel } from '../support/decoder-models.ts';
import { doubles, writeMat } from '../support/recording-mat-writer.ts';

const model = randomModel(findDecoderKind('gru'), { inputCount: 3, outputCount: 2 }, { hiddenCount: 4 }, 1);
const tagged = (format: string): Uint8Array => writeSafetensors(new Map(), new Map([['format', format]]));
const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('fileKind', () => {
  it.each<[string, Uint8Array, string]>([
    ['a model', encodeModel(model), 'a Betz model'],
    ['a checkpoint', tagged('betz-checkpoint'), 'a checkpoint of an interrupted `betz pretrain`'],
    ['a state dict', tagged('pt'), 'a safetensors file of another program'],
    ['an ONNX file', exportOnnx(model, { name: 'betz', version: '1' }), 'an ONNX file'],
    ['a MATLAB file', writeMat({ a: doubles([1, 1], [1]) }), 'a MATLAB file'],
    [
      'one with another first line',
      writeMat({ a: doubles([1, 1], [1]) }).fill(0x2d, 0, 116),
      'a MATLAB file',
    ],
    ['a page', latin1('\n<!DOCTYPE html><p>x'), 'a web page (HTML)'],
    ['text of a few letters', latin1('hi\n'), 'text'],
    ['text whose first 512 bytes end within a letter', Buffer.from(`x${'ö'.repeat(400)}`, 'utf8'), 'text'],
    ['text beyond ASCII', Buffer.from('Größe,Wert\r\n\t1', 'utf8'), 'text'],
  ])('knows %s', (_, bytes, name) => {
    expect(fileKind(bytes)?.name).toBe(name);
  });

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['zeros', new Uint8Array(64)],
    ['bytes that are no UTF-8', new Uint8Array(64).fill(0xff)],
    ['control characters between letters', latin1('ab\x01cd')],
    ['a header length without JSON behind it', latin1('\x10\0\0\0\0\0\0\0abc')],
  ])('does not guess at %s', (_, bytes) => {
    expect(fileKind(bytes)).toBeUndefined();
  });
});
