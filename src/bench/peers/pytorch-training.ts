/** The training step in PyTorch, timed in its own process: what goes through the pipe is not in the time. */
import { z } from 'zod';
import { splitBatch } from '../../calibration/gradient-shard.ts';
import { BetzError } from '../../core/errors.ts';
import { trainingBatchOf, UPDATE } from '../training-subject.ts';
import type { TrainingSubject } from '../training-subject.ts';
import type { LossGradient } from '../training-contestant.ts';
import { broken, PytorchServer, pytorchPython } from './pytorch-server.ts';
import type { PeerTraining, TrainingPeer } from './training-peer.ts';

const failure = z.object({ error: z.string() });
const prepared = z.object({
  program: z.string(),
  loss: z.number(),
  gradients: z.record(z.string(), z.string()),
});
const stepped = z.object({ ms: z.number().positive(), loss: z.number() });

export const pytorchPeer: TrainingPeer = {
  name: 'pytorch',
  tip: 'Install PyTorch 1.13 or newer for the python3 on the path (Debian: apt install python3-torch).',
  hasThreads: true,
  isInstalled: () => pytorchPython() !== null,
  create: createPytorchTraining,
};

/** @throws BetzError CFG_PEER_MISSING, CFG_PEER_BROKEN */
async function createPytorchTraining(subject: TrainingSubject, threadCount: number): Promise<PeerTraining> {
  const python = pytorchPython();
  if (python === null) {
    throw new BetzError('CFG_PEER_MISSING', 'no Python here has PyTorch', {
      value: 'pytorch',
      tip: pytorchPeer.tip,
    });
  }
  const server = new PytorchServer(python, threadCount);
  try {
    const { program, loss, gradients } = prepared.parse(
      checked(await server.ask(preparation(subject, threadCount))),
    );
    return {
      program,
      threadCount,
      first: { loss, gradient: flatGradient(subject, gradients) },
      step: async () => stepped.parse(checked(await server.ask({ command: 'step' }))),
      close: () => {
        server.close();
      },
    };
  } catch (error) {
    server.close();
    throw error;
  }
}

/** @throws BetzError CFG_PEER_BROKEN */
function checked(reply: unknown): unknown {
  const { success, data } = failure.safeParse(reply);
  if (success) throw broken(data.error);
  return reply;
}

function preparation(subject: TrainingSubject, threadCount: number): object {
  const { plan, layout, parameters } = subject;
  const { windowBins, batchCount, shape } = plan;
  const { input, target, weight } = trainingBatchOf(subject);
  return {
    command: 'prepare',
    kind: plan.kind,
    config: plan.config,
    parts: splitBatch(batchCount, Math.min(threadCount, batchCount)).map(({ count }) => count),
    parameters: layout.entries.map(({ name, shape: size, update = 'decayed', offset, count }) => ({
      name,
      update,
      ...tensor(parameters.subarray(offset, offset + count), size),
    })),
    input: tensor(input, [windowBins, batchCount, shape.inputCount]),
    target: tensor(target, [windowBins, batchCount, shape.outputCount]),
    weight: tensor(weight, [windowBins]),
    ...UPDATE,
  };
}

function tensor(data: Float32Array, shape: readonly number[]): { shape: readonly number[]; data: string } {
  return { shape, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64') };
}

function flatGradient(
  { layout }: TrainingSubject,
  gradients: Readonly<Record<string, string>>,
): LossGradient['gradient'] {
  const flat = new Float32Array(layout.count);
  for (const { name, offset, count, update } of layout.entries) {
    if (update === 'averaged') continue;
    const bytes = Buffer.from(gradients[name] ?? '', 'base64');
    if (bytes.length !== 4 * count) throw broken(`no gradient of ${name}`);
    flat.set(new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)), offset);
  }
  return flat;
}
