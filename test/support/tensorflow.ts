/**
 * TensorFlow.js for tests: core, the CPU backend, and TensorFlow's own gradients of the operations that the engine
 * uses. Node cannot load the gradients from core by itself (their modules leave out file extensions); the test runner can.
 */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { addGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Add_grad.js';
import { batchMatMulGradConfig } from '@tensorflow/tfjs-core/dist/gradients/BatchMatMul_grad.js';
import { divGradConfig } from '@tensorflow/tfjs-core/dist/gradients/RealDiv_grad.js';
import { multiplyGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Multiply_grad.js';
import { packGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Pack_grad.js';
import { reshapeGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Reshape_grad.js';
import { sigmoidGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Sigmoid_grad.js';
import { splitVGradConfig } from '@tensorflow/tfjs-core/dist/gradients/SplitV_grad.js';
import { squaredDifferenceGradConfig } from '@tensorflow/tfjs-core/dist/gradients/SquaredDifference_grad.js';
import { subGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Sub_grad.js';
import { sumGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Sum_grad.js';
import { tanhGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Tanh_grad.js';
import { unpackGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Unpack_grad.js';
import type { Tensorflow } from '../../src/tensor/tfjs/tensorflow.ts';

const GRADIENTS = [
  addGradConfig,
  batchMatMulGradConfig,
  divGradConfig,
  multiplyGradConfig,
  packGradConfig,
  reshapeGradConfig,
  sigmoidGradConfig,
  splitVGradConfig,
  squaredDifferenceGradConfig,
  subGradConfig,
  sumGradConfig,
  tanhGradConfig,
  unpackGradConfig,
];

export async function testTensorflow(): Promise<Tensorflow> {
  tf.env().set('IS_TEST', true); // keeps its advertisement for tfjs-node out of the test report
  const gradient: unknown = tf.getGradient('BatchMatMul'); // typed as always there
  if (gradient === undefined) GRADIENTS.forEach(tf.registerGradient);
  await tf.setBackend('cpu');
  return tf;
}
