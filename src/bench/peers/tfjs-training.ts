/**
 * The training step in TensorFlow.js on its wasm backend, the fastest that needs no native library, and on one thread, which
 * is all that one has in Node: our operations as tfjs computes and differentiates them (src/tensor/tfjs), its gradient
 * downloaded, and our optimiser, because its Adam has no weight decay.
 */
import { stepOf } from '../../calibration/training-graph.ts';
import type { Program } from '../../tensor/engine.ts';
import { createTfjsEngine } from '../../tensor/tfjs/tfjs-engine.ts';
import type { Tensorflow } from '../../tensor/tfjs/tensorflow.ts';
import type { AdamW } from '../../tensor/optimiser.ts';
import { createOptimiser } from '../training-contestant.ts';
import type { LossGradient, TimedStep } from '../training-contestant.ts';
import { trainingBatchOf, UPDATE } from '../training-subject.ts';
import type { TrainingSubject } from '../training-subject.ts';
import { isPeerInstalled, loadPeer, peerLabel } from './load-peer.ts';
import { TFJS_WASM } from './tfjs-step.ts';
import type { PeerTraining, TrainingPeer } from './training-peer.ts';

const TFJS = '@tensorflow/tfjs';

export const tfjsPeer: TrainingPeer = {
  name: 'tfjs',
  tip: 'Run `npm run peers` in the project folder.',
  hasThreads: false,
  isInstalled: () => isPeerInstalled(TFJS) && isPeerInstalled(TFJS_WASM),
  create: createTfjsTraining,
};

/** @throws BetzError CFG_PEER_MISSING, CFG_PEER_BROKEN */
async function createTfjsTraining(subject: TrainingSubject): Promise<PeerTraining> {
  const tf = loadPeer(TFJS) as Tensorflow;
  loadPeer(TFJS_WASM); // registers its backend
  tf.enableProdMode(); // without checks, as whoever wants speed runs it
  await tf.setBackend('wasm');
  await tf.ready();
  const { kind, plan } = subject;
  const program = createTfjsEngine(tf).compile(stepOf(kind, plan, { start: 0, count: plan.batchCount }), {
    seed: plan.seed,
  });
  return new TfjsTraining(program, subject, `${peerLabel(TFJS)} wasm`);
}

class TfjsTraining implements PeerTraining {
  readonly program: string;
  readonly threadCount = 1;
  readonly first: LossGradient;
  private readonly compiled: Program;
  private readonly subject: TrainingSubject;
  private readonly optimiser: AdamW;

  constructor(compiled: Program, subject: TrainingSubject, label: string) {
    this.program = label;
    this.compiled = compiled;
    this.subject = subject;
    this.optimiser = createOptimiser(subject);
    for (const [name, values] of Object.entries(trainingBatchOf(subject))) {
      compiled.write(name, values as Float32Array);
    }
    const loss = this.backward();
    this.first = { loss, gradient: this.optimiser.gradients.slice() };
  }

  step(): TimedStep {
    const startMs = performance.now();
    const loss = this.backward();
    this.optimiser.step(UPDATE.learningRate);
    return { ms: performance.now() - startMs, loss };
  }

  close(): void {
    this.compiled.dispose();
  }

  /** Up go the parameters, and down comes the gradient. @returns the loss */
  private backward(): number {
    const { compiled, optimiser } = this;
    const { entries } = this.subject.layout;
    for (const { name, offset, count } of entries) {
      compiled.write(name, optimiser.parameters.subarray(offset, offset + count));
    }
    const loss = compiled.run(0);
    for (const { name, offset } of entries) optimiser.gradients.set(compiled.gradient(name), offset);
    return loss;
  }
}
