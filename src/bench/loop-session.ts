/**
 * One session in closed loop: a simulated user in front of a screen, a simulated array, and whoever moves the cursor.
 *
 *   collect    the cursor goes to random targets by itself and the user intends along; then the first fit
 *   control    the task; the help fades; at stated times the decoder is fitted anew on all bins so far (ReFIT labels)
 *
 * A fit takes session time, as long as it took on the clock (or `fitS`): until then everything goes on as it was, the
 * automated cursor or the decoder before. In reality the fit would run beside the decoder, on another core.
 */
import { simulatedArrayConfig } from '../acquisition/simulated/array-config.ts';
import type { SimulatedArrayOptions } from '../acquisition/simulated/array-config.ts';
import { randomStream } from '../acquisition/simulated/random-streams.ts';
import { SimulatedArray, TRUTH_COUNT } from '../acquisition/simulated/simulated-array.ts';
import { SimulatedUser, simulatedUserConfig } from '../acquisition/simulated/simulated-user.ts';
import type { Screen, SimulatedUserOptions } from '../acquisition/simulated/simulated-user.ts';
import type { Clock } from '../core/clock.ts';
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { FadingAssist, helpingVelocity } from '../task/assist.ts';
import type { AssistConfig } from '../task/assist.ts';
import { createSequence, HALF_WORKSPACE_M } from '../task/target-sequence.ts';
import type { TaskName } from '../task/target-sequence.ts';
import { TargetTask, TASK_TIMING } from '../task/target-task.ts';
import type { TrialResult } from '../task/target-task.ts';
import { LoopDecoder } from './loop-decoder.ts';
import { LoopLog } from './loop-log.ts';

/** Who moves the cursor, apart from the help. */
export type LoopControl =
  /** Decoders that the session fits. */
  | { by: 'fits'; fit: (recording: BinnedRecording) => Promise<Model>; refitsAtS: readonly number[] }
  /** One decoder from elsewhere, from the first bin on. */
  | { by: 'model'; model: Model }
  /** The user's intention itself: what no decoder can better. */
  | { by: 'intention' }
  /** Nobody: the velocity is zero. */
  | { by: 'nobody' };

export interface LoopOptions {
  task: TaskName;
  array: SimulatedArrayOptions;
  user: SimulatedUserOptions;
  control: LoopControl;
  assist: AssistConfig;
  sessionS: number;
  /** Before the first fit. */
  collectS: number;
  /** Session time that a fit takes; without it, the time that it took. */
  fitS?: number;
}

interface LoopTrial extends TrialResult {
  /** The most help in it, 0..1. */
  assistMax: number;
}

export interface LoopSession {
  /** Times are seconds since the session (the collection) began. */
  trials: LoopTrial[];
  /** When a decoder first moved the cursor. */
  controlS: number;
  /** Fits that went into service: when the data ended and the fit began, how long it took. */
  fits: { atS: number; tookS: number }[];
  /** Counts and estimated intention of the whole session. */
  recording: BinnedRecording;
}

const NS_PER_S = 1e9;
const BIN_S = TASK_TIMING.binMs / 1000;
/** While the cursor goes by itself targets follow one another fast: there is nothing to learn from holding for long. */
const COLLECTION_TIMING = { ...TASK_TIMING, holdMs: 200, pauseMs: 100 };
/** What is collected more when there was too little to fit on. */
const COLLECT_MORE_S = 2;

/** @throws BetzError CFG_SOURCE_CONFIG, and those of the fits */
export async function runLoopSession(options: LoopOptions, clock: Clock): Promise<LoopSession> {
  const loop = new Loop(options, clock);
  const binCount = Math.round(options.sessionS / BIN_S);
  for (let bin = 0; bin < binCount; bin++) await loop.step();
  return { ...loop.result, recording: loop.log.toRecording() };
}

class Loop {
  readonly result: Omit<LoopSession, 'recording'> = { trials: [], controlS: Number.NaN, fits: [] };
  private readonly options: LoopOptions;
  private readonly clock: Clock;
  private readonly screen: Screen = {
    cursorX: 0,
    cursorY: 0,
    targetX: Number.NaN,
    targetY: Number.NaN,
    targetRadiusM: Number.NaN,
  };
  private readonly array: SimulatedArray;
  readonly log: LoopLog;
  private readonly samples: Float32Array;
  private readonly truth: Float32Array;
  private readonly counts: Float32Array;
  private readonly decoded = new Float64Array(2);
  private readonly helping = new Float64Array(2);
  private readonly velocity = new Float64Array(2);
  private readonly assist: FadingAssist;
  private task: TargetTask;
  /** When the task now running began. */
  private taskS = 0;
  private assistMax = 0;
  private decoder: LoopDecoder | undefined;
  /** A fit under way, and the bin from which on its decoder serves. */
  private pending: { model: Model; startsAtBin: number; atS: number; tookS: number } | undefined;
  private fitsAtS: number[];

  constructor(options: LoopOptions, clock: Clock) {
    this.options = options;
    this.clock = clock;
    const config = simulatedArrayConfig.parse(options.array);
    const { seed, day, channelCount } = config;
    const user = simulatedUserConfig.parse(options.user);
    this.array = new SimulatedArray(
      config,
      0,
      new SimulatedUser(user, this.screen, randomStream(seed, 'user', day, 0)),
    );
    this.log = new LoopLog(channelCount, TASK_TIMING.binMs, Math.round(options.sessionS / BIN_S));
    this.samples = new Float32Array(TASK_TIMING.binMs * channelCount);
    this.truth = new Float32Array(TASK_TIMING.binMs * TRUTH_COUNT);
    this.counts = new Float32Array(channelCount);
    this.assist = new FadingAssist(options.assist);
    const { control } = options;
    this.fitsAtS = control.by === 'fits' ? [options.collectS, ...control.refitsAtS] : [];
    this.task = new TargetTask(
      createSequence('random-target', randomStream(seed, 'targets', day, 0)),
      HALF_WORKSPACE_M,
      COLLECTION_TIMING,
    );
    if (control.by !== 'fits') this.beginControl();
    if (control.by === 'model') this.decoder = new LoopDecoder(control.model, this.log);
  }

  async step(): Promise<void> {
    this.showScreen();
    this.readArray();
    this.moveCursor();
    this.promoteWhenDue();
    await this.fitWhenDue();
  }

  private get nowS(): number {
    return this.log.binCount * BIN_S;
  }

  private get isInControl(): boolean {
    return !Number.isNaN(this.result.controlS);
  }

  private beginControl(): void {
    const { seed, day } = simulatedArrayConfig.parse(this.options.array);
    this.result.controlS = this.nowS;
    this.taskS = this.nowS;
    this.task = new TargetTask(
      createSequence(this.options.task, randomStream(seed, 'targets', day, 1)),
      HALF_WORKSPACE_M,
    );
  }

  private showScreen(): void {
    const { screen, task } = this;
    screen.cursorX = task.cursorX;
    screen.cursorY = task.cursorY;
    screen.targetX = task.target?.x ?? Number.NaN;
    screen.targetY = task.target?.y ?? Number.NaN;
    screen.targetRadiusM = task.target?.radiusM ?? Number.NaN;
  }

  private readArray(): void {
    const { samples, truth, counts } = this;
    const frameCount = TASK_TIMING.binMs;
    this.array.read(frameCount, samples, truth);
    counts.fill(0);
    for (let i = 0; i < samples.length; i++) counts[i % counts.length] += samples[i];
    this.decoded.fill(0);
    if (this.options.control.by === 'intention') {
      for (let i = 0; i < truth.length; i++) this.decoded[i % TRUTH_COUNT] += truth[i] / frameCount;
    }
    this.decoder?.step(counts, this.decoded);
  }

  private moveCursor(): void {
    const { task, velocity, decoded, helping } = this;
    const a = this.isInControl ? this.assist.current() : 1;
    helpingVelocity(task.cursorX, task.cursorY, task.target, task.sinceTargetS, helping);
    for (let i = 0; i < 2; i++) velocity[i] = (1 - a) * decoded[i] + a * helping[i];
    this.log.add(this.counts, this.screen, velocity);
    this.assistMax = Math.max(this.assistMax, a);
    const trial = task.step(velocity[0], velocity[1]);
    if (!this.isInControl) return;
    this.assist.step(BIN_S, trial === undefined ? undefined : trial.isSuccess ? 'success' : 'failure');
    if (trial !== undefined) this.noteTrial(trial);
    else if (task.target === undefined) this.assistMax = 0;
  }

  private noteTrial(trial: TrialResult): void {
    this.result.trials.push({
      ...trial,
      startS: this.taskS + trial.startS,
      endS: this.taskS + trial.endS,
      assistMax: this.assistMax,
    });
    this.assistMax = 0;
  }

  private async fitWhenDue(): Promise<void> {
    const { control, fitS } = this.options;
    if (control.by !== 'fits' || this.pending !== undefined || this.fitsAtS.length === 0) return;
    if (this.nowS < this.fitsAtS[0]) return;
    const startNs = this.clock.nowNs();
    try {
      const atS = this.nowS;
      const model = await control.fit(this.log.toRecording());
      const tookS = fitS ?? (this.clock.nowNs() - startNs) / NS_PER_S;
      this.pending = { model, startsAtBin: this.log.binCount + Math.ceil(tookS / BIN_S), atS, tookS };
      this.fitsAtS.shift();
    } catch (error) {
      if (!(error instanceof BetzError && LACKS_DATA.has(error.code))) throw error;
      this.fitsAtS[0] = this.nowS + COLLECT_MORE_S;
    }
  }

  private promoteWhenDue(): void {
    const { pending } = this;
    if (pending === undefined || this.log.binCount < pending.startsAtBin) return;
    this.decoder = new LoopDecoder(pending.model, this.log);
    this.result.fits.push({ atS: pending.atS, tookS: pending.tookS });
    this.pending = undefined;
    if (!this.isInControl) this.beginControl();
  }
}

/** Errors that more data mend. */
const LACKS_DATA: ReadonlySet<string> = new Set([
  'CAL_RECORDING_TOO_SHORT',
  'CAL_SESSION_TOO_SHORT',
  'CAL_TARGET_CONSTANT',
  'CAL_FEATURES_CONSTANT',
  'CAL_SEGMENTS_TOO_SHORT',
]);
