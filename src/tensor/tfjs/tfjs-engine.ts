/**
 * The engine on TensorFlow.js: an automatic differentiation that shares no line with ours, and so the oracle for it.
 * It is written for agreement, not for speed: a run builds its graph anew.
 */
import type { NamedTensorMap, Scalar, Variable } from '@tensorflow/tfjs-core';
import { assert } from '../../core/errors.ts';
import type { Built, CompileOptions, Engine, Operations, Program } from '../engine.ts';
import type { Tensorflow } from './tensorflow.ts';
import { TfjsOperations } from './tfjs-operations.ts';

/** @param tf with gradients registered, from `loadTensorflow` */
export function createTfjsEngine(tf: Tensorflow): Engine {
  const gradient: unknown = tf.getGradient('BatchMatMul'); // typed as always there
  assert(gradient !== undefined, 'this TensorFlow.js comes without gradients');
  return {
    name: `tfjs-${tf.getBackend()}`,
    compile(build: (operations: Operations) => Built, options: CompileOptions): Program {
      const operations = new TfjsOperations(tf, options);
      try {
        return new TfjsProgram(tf, operations, build(operations));
      } catch (error) {
        operations.dispose();
        throw error;
      }
    },
  };
}

class TfjsProgram implements Program {
  readonly parameterNames: readonly string[];
  private readonly tf: Tensorflow;
  private readonly operations: TfjsOperations;
  private readonly built: Built;
  private readonly gradients = new Map<string, Float32Array>();
  /** Of the last run or evaluation. */
  private readonly outputs = new Map<string, Float32Array>();

  constructor(tf: Tensorflow, operations: TfjsOperations, built: Built) {
    this.tf = tf;
    this.operations = operations;
    this.built = built;
    this.parameterNames = [...operations.parameters.keys()];
    for (const [name, { size }] of operations.parameters) this.gradients.set(name, new Float32Array(size));
  }

  write(name: string, values: Float32Array): void {
    const { tf, operations } = this;
    const variable = operations.parameters.get(name);
    const old = variable ?? operations.inputs.get(name);
    assert(old !== undefined, `the program has no tensor '${name}'`);
    assert(old.size === values.length, `${name} has ${old.size} values, got ${values.length}`);
    const value = tf.tensor(values.slice(), old.shape); // TensorFlow keeps the array
    if (variable === undefined) {
      operations.setInput(name, value);
    } else {
      variable.assign(value);
      value.dispose();
    }
  }

  evaluate(): number {
    return this.tf.tidy(() => this.compute(false, 0).dataSync()[0]);
  }

  run(step: number): number {
    const { tf, operations } = this;
    const variables: Variable[] = [...operations.parameters.values()];
    return tf.tidy(() => {
      const { value, grads } = tf.variableGrads(() => this.compute(true, step), variables);
      this.keepGradients(grads);
      return value.dataSync()[0];
    });
  }

  read(name: string): Float32Array {
    const { operations, outputs } = this;
    const value = operations.parameters.get(name) ?? operations.inputs.get(name);
    const values = value?.dataSync() ?? outputs.get(name);
    assert(values !== undefined, `the program has no tensor '${name}', or has not run`);
    return Float32Array.from(values);
  }

  gradient(name: string): Float32Array {
    const gradient = this.gradients.get(name);
    assert(gradient !== undefined, `the program has no parameter '${name}'`);
    return gradient;
  }

  dispose(): void {
    this.operations.dispose();
  }

  private compute(isTraining: boolean, step: number): Scalar {
    return this.operations.evaluate({ isTraining, step }, (valueOf) => {
      for (const [name, tensor] of Object.entries(this.built.outputs)) {
        this.outputs.set(name, Float32Array.from(valueOf(tensor).dataSync()));
      }
      const losses = this.built.losses.map(valueOf);
      return losses.reduce((sum, loss) => this.tf.add(sum, loss)) as Scalar;
    });
  }

  /** TensorFlow has no gradient by a parameter that the loss does not depend on; ours is zero. */
  private keepGradients(grads: NamedTensorMap): void {
    for (const [name, variable] of this.operations.parameters) {
      const gradient = grads[variable.name] as NamedTensorMap[string] | undefined;
      if (gradient === undefined) this.gradients.get(name)?.fill(0);
      else this.gradients.get(name)?.set(gradient.dataSync());
    }
  }
}
