/**
 * `betz bench training`: one training step (forward, backward, clipping, AdamW) of decoders that are trained by gradient, on
 * random data, here (per kernel variant and thread count) and in other programs, in turn within each round. Gradients are
 * checked first (gradient-check.ts), and those of other programs against ours; what fails is not timed.
 */
import { assert, BetzError } from '../core/errors.ts';
import type { DecoderKind } from '../decoders/decoder.ts';
import { availableVariant } from '../host/load-kernels.ts';
import type { KernelVariant } from '../kernels/kernels.ts';
import { median } from './distribution.ts';
import {
  checkByDifferences,
  checkByPlainLoops,
  checkOf,
  gradientDistance,
  plainLoopGradient,
} from './gradient-check.ts';
import type { GradientCheck } from './gradient-check.ts';
import type { TrainingPeer } from './peers/training-peer.ts';
import { createOurTraining } from './training-contestant.ts';
import type { LossGradient, TrainingContestant } from './training-contestant.ts';
import { createTrainingSubject } from './training-subject.ts';
import type { TrainingSizes, TrainingSubject } from './training-subject.ts';

export interface TrainingBenchOptions extends TrainingSizes {
  kinds: readonly DecoderKind[];
  /** Timed steps of each program; fewer where they take longer than PROGRAM_MS_MAX in all. */
  roundCount: number;
  threadCounts: readonly number[];
  /** Programs to compare with; those that are not here are left out. */
  peers: readonly TrainingPeer[];
  onProgress?: (line: string) => void;
}

export interface TrainingBenchRow {
  decoder: string;
  size: string;
  /** 'betz 0.1.0 relaxed', 'PyTorch 1.13.0', ... */
  program: string;
  threadCount: number;
  check: GradientCheck | 'betz';
  /** Relative: see gradient-check.ts. */
  gradientError: number;
  stepCount: number;
  stepMsMedian: number;
  stepMsMin: number;
  stepMsMax: number;
  /** This program's median over that of each of our builds with as many threads: above 1 where we are faster. */
  ratio: Partial<Record<KernelVariant, number>>;
}

const WARM_UP_ROUNDS = 3;
/** A program that has used this much takes no further steps. */
const PROGRAM_MS_MAX = 60_000;
/** Float32 sums in another order; where spikes are, a rounding can move one, and all that follows from it. */
const PEER_ERROR_MAX: Record<GradientCheck, number> = { differences: 1e-3, 'plain loops': 2e-2 };

/** @throws BetzError DEC_CONFIG_INVALID, CAL_GRADIENT_WRONG, CAL_PEER_MISMATCH, CFG_PEER_BROKEN, CAL_THREAD_FAILED */
export async function benchTraining(options: TrainingBenchOptions): Promise<TrainingBenchRow[]> {
  const rows: TrainingBenchRow[] = [];
  const subjects = options.kinds.map((kind) => createTrainingSubject(kind, options));
  for (const subject of subjects) {
    options.onProgress?.(`${subject.kind.name} ${subject.size}`);
    rows.push(...(await benchSubject(subject, options)));
  }
  return rows;
}

async function benchSubject(
  subject: TrainingSubject,
  options: TrainingBenchOptions,
): Promise<TrainingBenchRow[]> {
  const peers = options.peers.filter((peer) => peer.isInstalled());
  // A program of one thread is compared with one thread of ours.
  const isSingleNeeded = peers.some(({ hasThreads }) => !hasThreads);
  const wanted = [...(isSingleNeeded ? [1] : []), ...options.threadCounts];
  const threadCounts = new Set(wanted.map((count) => Math.min(count, subject.plan.batchCount)));
  const entries: Entry[] = [];
  try {
    for (const threadCount of threadCounts) {
      const ours = await enterOurs(subject, threadCount, entries);
      for (const peer of peers) {
        if (peer.hasThreads || threadCount === 1) await enterPeer(peer, subject, threadCount, ours, entries);
      }
    }
    await takeTurns(entries, options.roundCount);
    return entries.map((entry) => rowOf(entry, entries, subject));
  } finally {
    for (const { contestant } of entries) contestant.close();
  }
}

/** A program that takes part, and what was found of it. */
interface Entry {
  contestant: TrainingContestant;
  /** Of ours. */
  variant?: KernelVariant;
  check: GradientCheck | 'betz';
  gradientError: number;
  timesMs: number[];
  spentMs: number;
}

/** Every build that this host runs. @returns the gradient that others have to have @throws BetzError CAL_GRADIENT_WRONG */
async function enterOurs(
  subject: TrainingSubject,
  threadCount: number,
  entries: Entry[],
): Promise<LossGradient> {
  const check = checkOf(subject);
  const variants: KernelVariant[] = availableVariant() === 'relaxed' ? ['simd', 'relaxed'] : ['simd'];
  const expected = check === 'plain loops' ? plainLoopGradient(subject, threadCount) : undefined;
  let agreed: LossGradient | undefined;
  for (const variant of variants) {
    const contestant = await createOurTraining(subject, variant, threadCount);
    const entry = { contestant, variant, check, gradientError: Number.NaN, timesMs: [], spentMs: 0 };
    entries.push(entry);
    const first = contestant.gradient(subject.parameters);
    entry.gradientError =
      expected === undefined
        ? checkByDifferences(contestant, first, subject)
        : checkByPlainLoops(contestant, first, expected, subject);
    agreed ??= first;
  }
  assert(agreed !== undefined, 'there is a build');
  return agreed;
}

/** @throws BetzError CAL_PEER_MISMATCH, CFG_PEER_BROKEN */
async function enterPeer(
  peer: TrainingPeer,
  subject: TrainingSubject,
  threadCount: number,
  expected: LossGradient,
  entries: Entry[],
): Promise<void> {
  const contestant = await peer.create(subject, threadCount);
  const gradientError = gradientDistance(contestant.first, expected, subject);
  entries.push({ contestant, check: 'betz', gradientError, timesMs: [], spentMs: 0 });
  if (gradientError < PEER_ERROR_MAX[checkOf(subject)]) return;
  throw new BetzError(
    'CAL_PEER_MISMATCH',
    `${contestant.program} has another gradient of ${subject.kind.name} than Betz`,
    {
      value: gradientError,
      tip: 'Leave this program out; please report it with its version, the machine and the Node version.',
    },
  );
}

/** Who begins changes from round to round. */
async function takeTurns(entries: readonly Entry[], roundCount: number): Promise<void> {
  for (let round = -WARM_UP_ROUNDS; round < roundCount; round++) {
    const order = round % 2 === 0 ? entries : [...entries].reverse();
    for (const entry of order) {
      const isTimed = round >= 0;
      if (entry.spentMs > PROGRAM_MS_MAX && (!isTimed || entry.timesMs.length > 0)) continue;
      const { ms } = await entry.contestant.step();
      entry.spentMs += ms;
      if (isTimed) entry.timesMs.push(ms);
    }
  }
}

function rowOf(entry: Entry, entries: readonly Entry[], { kind, size }: TrainingSubject): TrainingBenchRow {
  const { contestant, check, gradientError, timesMs } = entry;
  const { program, threadCount } = contestant;
  const stepMsMedian = median(timesMs);
  const ratio: TrainingBenchRow['ratio'] = {};
  for (const { variant, contestant: ours, timesMs: oursMs } of entries) {
    if (variant !== undefined && ours.threadCount === threadCount)
      ratio[variant] = stepMsMedian / median(oursMs);
  }
  return {
    decoder: kind.name,
    size,
    program,
    threadCount,
    check,
    gradientError,
    stepCount: timesMs.length,
    stepMsMedian,
    stepMsMin: Math.min(...timesMs),
    stepMsMax: Math.max(...timesMs),
    ratio,
  };
}
