/**
 * Calibration of a model to a new session from a little data: the candidate beside the decoder in service and the ridge baseline,
 * all judged on the same held-out blocks.
 */
import { BetzError } from '../../core/errors.ts';
import type { ErrorCode } from '../../core/errors.ts';
import type { BinnedRecording, Segment } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import type { CalibrationHost } from '../calibrate.ts';
import { withDriftReference } from '../drift/model-drift.ts';
import { withReadInStatistics } from '../hebbian/read-in-statistics.ts';
import { expectMovement } from '../normalisation.ts';
import { stabilizeModelSteps } from '../stabilize-model.ts';
import { unlabelledCounts } from '../stabilize.ts';
import { inTurns } from '../steps.ts';
import { fitByGradient, fitFromScratch } from './gradient-methods.ts';
import { holdOutBlocks } from './held-out-blocks.ts';
import { isEarlierBetter } from './preference.ts';
import { fitReadout, learnBinByBin } from './readout-methods.ts';
import { onlySegments, ridgeBaseline } from './ridge-baseline.ts';
import { expectGradientKind, prepareForSession } from './session-model.ts';
import type { SessionMethod } from './session-methods.ts';
import { scoreBlocks } from './session-scores.ts';
import type { BlockScores } from './session-scores.ts';
import { score } from './session-task.ts';
import type {
  FailedMethod,
  Fitted,
  SessionCalibration,
  SessionCandidate,
  SessionOptions,
  SessionTask,
} from './session-task.ts';

const NS_PER_S = 1e9;
/** From here on `auto` trusts the data with all weights. */
const AUTO_FULL_S = 120;
/** A training by gradient can fail so where one in closed form did not. */
const OWN_FAILURES: readonly ErrorCode[] = [
  'CAL_DIVERGED',
  'CAL_SEGMENTS_TOO_SHORT',
  'CAL_THREAD_FAILED',
  'CAL_THREAD_LOST',
];

/**
 * @param base the decoder in service; what is calibrated begins from it
 * @param recording the session's data: features, and the behaviour that goes with them
 * @throws BetzError CAL_SESSION_TOO_SHORT, CAL_TARGET_CONSTANT, CAL_FEATURES_CONSTANT, CAL_CHANNELS_UNMATCHED,
 * CAL_METHOD_UNSUPPORTED, DEC_BIN_MISMATCH, DEC_OUTPUT_MISMATCH; CAL_DIVERGED, CAL_SEGMENTS_TOO_SHORT, CAL_THREAD_FAILED,
 * CAL_THREAD_LOST where nothing was fitted before: the readout of `auto` outlives them
 */
export async function calibrateSession(
  base: Model,
  recording: BinnedRecording,
  options: SessionOptions,
  host: CalibrationHost,
): Promise<SessionCalibration> {
  const blocks = holdOutBlocks(recording);
  for (const part of [blocks.fit, blocks.heldOut]) expectMovementIn(recording, part);
  const prepared = prepareForSession(base, recording);
  const task: SessionTask = { base, prepared, recording, blocks, options, host };
  const tried: SessionCandidate[] = [];
  const methods = methodsOf(options.method, recording);
  let failed: FailedMethod | undefined;
  let beside: Pick<SessionCalibration, 'inService' | 'baseline'> | undefined;
  const judged = async (): Promise<SessionCalibration> => {
    await host.yieldToHost();
    beside ??= { inService: scoreInService(task), baseline: await scoreBaseline(task) };
    const candidate = tried.reduce((best, next) => (isEarlierBetter(best.scores, next.scores) ? best : next));
    return { candidate, tried: [...tried], blocks, ...beside, ...(failed === undefined ? {} : { failed }) };
  };
  for (const method of methods) {
    await host.yieldToHost();
    let candidate: SessionCandidate;
    try {
      candidate = await fitCandidate(task, method);
    } catch (error) {
      if (tried.length === 0 || !(error instanceof BetzError && OWN_FAILURES.includes(error.code)))
        throw error;
      failed = { method, code: error.code, reason: error.message };
      break;
    }
    options.onCandidate?.(candidate);
    tried.push(candidate);
    if (options.onInterim !== undefined && tried.length < methods.length)
      options.onInterim(await judged(), methods[tried.length]);
  }
  return judged();
}

function methodsOf(method: SessionMethod, { binCount, binMs }: BinnedRecording): SessionMethod[] {
  if (method !== 'auto') return [method];
  return ['readout', (binCount * binMs) / 1000 >= AUTO_FULL_S ? 'full' : 'ends'];
}

async function fitCandidate(task: SessionTask, method: SessionMethod): Promise<SessionCandidate> {
  const { host } = task;
  const startNs = host.clock.nowNs();
  const fitted = await fitBy(task, method);
  const fitSeconds = (host.clock.nowNs() - startNs) / NS_PER_S;
  await host.yieldToHost();
  const known = withReadInStatistics(fitted.model, task.recording.features);
  await host.yieldToHost();
  const model = withDriftReference(known, task.recording);
  return { method, learningCurve: [], ...fitted, model, fitSeconds };
}

async function fitBy(task: SessionTask, method: SessionMethod): Promise<Fitted> {
  const { prepared } = task;
  switch (method) {
    case 'normalise':
      return { model: prepared, scores: score(task, prepared) };
    case 'stabilize': {
      expectGradientKind(task.base, method);
      const day = unlabelledCounts(task.recording);
      const steps = stabilizeModelSteps(task.base, day, { seed: task.options.seed ?? 1 });
      const { model } = await inTurns(steps, () => task.host.yieldToHost());
      return { model, scores: score(task, model) };
    }
    case 'scratch':
      return fitFromScratch(task);
    case 'readout':
      expectGradientKind(prepared, method);
      return fitReadout(task);
    case 'rls':
      expectGradientKind(prepared, method);
      return learnBinByBin(task);
    case 'read-in':
    case 'ends':
    case 'lora':
    case 'full':
      expectGradientKind(prepared, method);
      return fitByGradient(task, method);
    case 'auto':
      throw new Error('assertion failed: auto is taken apart before');
  }
}

async function scoreBaseline(task: SessionTask): Promise<BlockScores> {
  const { recording, blocks, host } = task;
  await host.yieldToHost();
  return score(task, await ridgeBaseline(recording, blocks.fit, host));
}

function scoreInService(task: SessionTask): BlockScores {
  const { base, recording, blocks, options } = task;
  if (options.inServiceOutputs !== undefined)
    return scoreBlocks(recording, options.inServiceOutputs, blocks.heldOut);
  const labels = recording.channels.map(({ label }) => label).join('\n');
  // With other channels it cannot run at all: as it would with those that it knows, and its own z-scores.
  if (base.features.channelLabels.join('\n') === labels) return score(task, base);
  return score(task, task.prepared);
}

function expectMovementIn(recording: BinnedRecording, segments: readonly Segment[]): void {
  const { target, binCount } = onlySegments(recording, segments);
  expectMovement(target, { startBin: 0, endBin: binCount });
}
