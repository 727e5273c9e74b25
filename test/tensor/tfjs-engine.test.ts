import { describe, expect, it } from 'vitest';
import { createTfjsEngine } from '../../src/tensor/tfjs/tfjs-engine.ts';
import { loadTensorflow } from '../../src/tensor/tfjs/tensorflow.ts';
import { testTensorflow } from '../support/tensorflow.ts';
import { compileGraph, gruGraph } from '../support/tensor-graphs.ts';

const graph = gruGraph({ layers: 2, inputs: 3, hidden: 4, outputs: 2, time: 5, batch: 2 });

describe('tfjs engine', () => {
  it('leaks no tensors: none more after runs, none at all after dispose', async () => {
    const tf = await testTensorflow();
    const before = tf.memory().numTensors;
    const { program } = compileGraph(createTfjsEngine(tf), graph, 1);
    const compiled = tf.memory().numTensors;
    expect(compiled - before).toBe(10 + 3); // parameters of two layers and the readout; x, target, weight
    for (let step = 0; step < 3; step++) {
      program.run(step);
      program.evaluate();
      program.write('x', program.read('x'));
      program.write('readout.bias', program.read('readout.bias'));
      program.gradient('readout.bias');
      expect(tf.memory().numTensors).toBe(compiled);
    }
    program.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leaks nothing when a program cannot be compiled', async () => {
    const tf = await testTensorflow();
    const before = tf.memory().numTensors;
    const compile = (): unknown =>
      createTfjsEngine(tf).compile(
        (ops) => {
          const h = ops.linear(ops.input('x', [2, 2, 6]), ops.parameter('w', [6, 3])); // w should be [.., 6]
          return { losses: [h], outputs: {} };
        },
        { seed: 1 },
      );
    expect(compile).toThrow('linear');
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('loading TensorFlow.js', () => {
  it('takes the first package that loads', async () => {
    const tf = await testTensorflow();
    const asked: string[] = [];
    const found = await loadTensorflow((name) => {
      asked.push(name);
      return asked.length === 1
        ? Promise.reject(new Error('no native library'))
        : Promise.resolve({ default: tf });
    });
    expect(asked).toEqual(['@tensorflow/tfjs-node', '@tensorflow/tfjs']);
    expect(createTfjsEngine(found).name).toBe('tfjs-cpu');
  });

  it('says what to install when there is none: CAL_TFJS_MISSING', async () => {
    const nothing = loadTensorflow((name) => Promise.reject(new Error(`Cannot find package '${name}'`)));
    await expect(nothing).rejects.toMatchObject({
      code: 'CAL_TFJS_MISSING',
      tip: expect.stringContaining('Install @tensorflow/tfjs-node') as string,
    });
  });
});
