/**
 * The engine on our kernels. `compile` runs the build function once and records a fixed list of kernel calls with
 * fixed addresses; a run replays it forward and backward and allocates nothing.
 *
 * Gradients: going backward, the first operation that contributes to a tensor's gradient writes it and later ones
 * add to it. Which is first is known at compile time, so nothing needs to be zeroed between runs.
 */
import { assert } from '../../core/errors.ts';
import type { Kernels } from '../../kernels/kernels.ts';
import type { Built, CompileOptions, Engine, Operations, Program } from '../engine.ts';
import { Recorder } from './recorder.ts';
import type { RecordedTensor } from './recorder.ts';
import { createWasmOperations } from './wasm-operations.ts';

/** @param kernels an instance of its own: programs take their memory from it and never give it back */
export function createWasmEngine(kernels: Kernels): Engine {
  return {
    name: `wasm-${kernels.variant}`,
    compile(build: (operations: Operations) => Built, options: CompileOptions): Program {
      const recorder = new Recorder(kernels, options);
      const built = build(createWasmOperations(recorder));
      return new WasmProgram(recorder, built);
    },
  };
}

class WasmProgram implements Program {
  readonly parameterNames: readonly string[];
  private readonly recorder: Recorder;
  private readonly values = new Map<string, Float32Array>();
  private readonly gradients = new Map<string, Float32Array>();
  private readonly forward: readonly (() => void)[];
  private readonly backward: readonly (() => void)[];
  private readonly loss: () => number;

  constructor(recorder: Recorder, built: Built) {
    this.recorder = recorder;
    const { forward, backward, loss } = recorder.finish(built.losses);
    this.forward = forward;
    this.backward = backward;
    this.loss = loss;
    this.parameterNames = [...recorder.parameters.keys()];
    const { arena } = recorder.kernels;
    const view = (tensor: RecordedTensor): Float32Array => arena.float32(tensor.ptr, tensor.count);
    for (const [name, tensor] of recorder.inputs) this.values.set(name, view(tensor));
    for (const [name, tensor] of recorder.parameters) {
      this.values.set(name, view(tensor));
      this.gradients.set(name, arena.float32(tensor.gradientPtr, tensor.count));
    }
    for (const [name, tensor] of Object.entries(built.outputs)) {
      this.values.set(name, view(recorder.recorded(tensor)));
    }
  }

  write(name: string, values: Float32Array): void {
    const target = this.view(name);
    assert(target.length === values.length, `${name} has ${target.length} values, got ${values.length}`);
    target.set(values);
  }

  evaluate(): number {
    this.recorder.isTraining = false;
    for (const call of this.forward) call();
    return this.loss();
  }

  run(step: number): number {
    this.recorder.isTraining = true;
    this.recorder.step = step;
    for (const call of this.forward) call();
    for (const call of this.backward) call();
    return this.loss();
  }

  read(name: string): Float32Array {
    return this.view(name).slice();
  }

  gradient(name: string): Float32Array {
    const gradient = this.gradients.get(name);
    assert(gradient !== undefined, `the program has no parameter '${name}'`);
    return gradient;
  }

  dispose(): void {
    // Memory belongs to the kernel instance and goes with it.
  }

  private view(name: string): Float32Array {
    const target = this.values.get(name);
    assert(target !== undefined, `the program has no tensor '${name}'`);
    return target;
  }
}
