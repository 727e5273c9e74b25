/**
 * Finds TensorFlow.js at run time. Betz does not depend on it: the package costs hundreds of megabytes, and the one
 * with the native library runs an install script that downloads it.
 *
 * `@tensorflow/tfjs-core` alone is not enough: in Node it comes without the gradients of its operations, which only the
 * packages below register.
 */
import type * as tensorflow from '@tensorflow/tfjs-core';
import { BetzError } from '../../core/errors.ts';

export type Tensorflow = typeof tensorflow;

/** In order of speed: libtensorflow, then the backends in JavaScript. */
const PACKAGES = ['@tensorflow/tfjs-node', '@tensorflow/tfjs'];

/**
 * The first package that is installed and loads, ready to compute.
 * @param importPackage default: the host's dynamic import
 * @throws BetzError CAL_TFJS_MISSING
 */
export async function loadTensorflow(
  importPackage: (name: string) => Promise<unknown> = (name) => import(name) as Promise<unknown>,
): Promise<Tensorflow> {
  const causes: unknown[] = [];
  for (const name of PACKAGES) {
    try {
      const loaded = (await importPackage(name)) as Tensorflow & { default?: Tensorflow };
      const tf = loaded.default ?? loaded; // both are CommonJS: the namespace may miss names
      await tf.ready();
      return tf;
    } catch (cause) {
      causes.push(cause); // not installed, or its native library does not load here
    }
  }
  throw new BetzError('CAL_TFJS_MISSING', 'TensorFlow.js is not installed, or does not load', {
    value: PACKAGES.join(', '),
    tip: 'Install @tensorflow/tfjs-node (fast) or @tensorflow/tfjs beside Betz, or train with the default engine.',
    cause: new AggregateError(causes, 'no TensorFlow.js package loads'),
  });
}
