/** The session of `betz run`: from a model and a source to the summary, with everything that watches and steers it. */
import type { Adaptation } from '../calibration/adaptive/adaptations.ts';
import type { Model } from '../decoders/decoder.ts';
import { readStateFile } from '../host/state-store.ts';
import { version } from '../host/version.ts';
import type { LiveCalibration } from '../runtime/live-calibration.ts';
import { RecordingSink } from '../runtime/recording-sink.ts';
import { Session } from '../runtime/session.ts';
import type { SessionSummary } from '../runtime/session-summary.ts';
import type { Sink } from '../runtime/sink.ts';
import { calibrationStage, calibrationText } from './live-calibration-text.ts';
import { driftRemedy } from './drift-text.ts';
import type { Interrupt } from './interrupt.ts';
import { calibrationLines, makeCalibration } from './run-calibration.ts';
import type { RunOptions } from './run-options.ts';
import { saveLearnedModel } from './run-saved-model.ts';
import { saveDecoderState } from './run-saved-state.ts';
import type { RunSource } from './run-source.ts';
import type { SessionControl } from './session-control.ts';
import { SessionDisplay } from './session-display.ts';
import { isInForeground, listenForKeys } from './session-keys.ts';
import { eventText, summaryLines } from './session-text.ts';

/** A model and its file. */
export interface LoadedModel {
  model: Model;
  bytes: Uint8Array;
  hash: string;
}

export interface SessionSurroundings {
  /** undefined where nothing is recorded. */
  recordPath: string | undefined;
  interrupt: Interrupt;
  control: SessionControl;
}

interface SessionResult {
  summary: SessionSummary;
  calibration: LiveCalibration | undefined;
  /** Where it is; null where there is none. */
  savedModel: string | null;
}

type ViewOptions = Pick<RunOptions, 'json' | 'plain'>;

/** Keys belong to the live view, which says what they do; a session in the background leaves the terminal alone. */
export function hasKeys(options: ViewOptions): boolean {
  return isLive(options) && process.stdin.isTTY && isInForeground();
}

function isLive({ json, plain }: ViewOptions): boolean {
  return process.stdout.isTTY && json === undefined && plain === undefined;
}

export async function runSession(
  options: RunOptions,
  source: RunSource,
  { model, bytes, hash }: LoadedModel,
  { recordPath, interrupt, control }: SessionSurroundings,
): Promise<SessionResult> {
  const { loadState, saveState, saveModel } = options;
  const modelName = options.model ?? `${model.kind}, calibrated for this run`;
  const display = new SessionDisplay(`${model.kind}   ${source.name}`, {
    isLive: isLive(options),
    lines: options.json === undefined ? process.stdout : process.stderr,
    recordPath,
    calibration: () => {
      const account = calibration?.account();
      if (account === undefined) return undefined;
      const { binMs } = model;
      return { text: calibrationText(account, binMs), stage: calibrationStage(account, binMs) };
    },
    keys: () => (hasKeys(options) ? control.keysText() : 'Ctrl-C ends the session.'),
  });
  const tell = (text: string): void => {
    display.tell(text);
  };
  const calibration = makeCalibration(options, model, hash, tell);
  const sinks: Sink[] = [display.trace];
  // Before the recording: it may refuse the source, and then there is to be no file.
  if (calibration !== undefined) sinks.push(calibration);
  if (recordPath !== undefined) {
    sinks.push(
      new RecordingSink({
        path: recordPath,
        modelHash: hash,
        config: { ...options },
        versions: { betz: version, node: process.version },
      }),
    );
  }
  const remedy = (): string | undefined => driftRemedy(model, options.model, calibration?.state);
  const session = await Session.start({
    source: source.worker,
    modelBytes: bytes,
    ...(loadState === undefined && saveState === undefined && saveModel === undefined
      ? {}
      : {
          state: { modelHash: hash, ...(loadState === undefined ? {} : { from: readStateFile(loadState) }) },
        }),
    ...(options.adapt === undefined ? {} : { adaptations: options.adapt as Adaptation[] }),
    modelName,
    sourceName: source.name,
    ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }),
    sinks,
    onEvent: (event) => {
      // A calibration tells of changes of the decoder itself, with its reasons.
      const isTold = calibration !== undefined && (event.kind === 'promoted' || event.kind === 'rolledBack');
      const text = isTold ? undefined : eventText(event);
      if (text !== undefined) tell(text);
      const toDo = event.kind === 'drift' && event.isRecalibrationAdvised ? remedy() : undefined;
      if (toDo !== undefined) tell(`to do: ${toDo}`);
    },
  });
  calibration?.attach(session);
  const stop = (): void => {
    calibration?.cancel('the session was stopped');
    session.stop().catch(() => undefined); // `done` has the error
  };
  if (interrupt.signal.aborted) stop();
  interrupt.signal.addEventListener('abort', stop);
  interrupt.tellBy(tell);
  control.attach(session, calibration, tell);
  display.start(session);
  const isByKeys = hasKeys(options);
  const endKeys = isByKeys ? listenForKeys(process.stdin, control.actions(interrupt)) : (): void => undefined;
  const signalText = isByKeys ? undefined : control.signalText();
  if (signalText !== undefined) tell(signalText);
  try {
    const summary = await session.done;
    endKeys();
    display.close();
    const stream = options.json === undefined ? process.stdout : process.stderr;
    stream.write(`${summaryLines(summary, recordPath).join('\n')}\n`); // told even if the state cannot be saved
    const toDo = summary.drift?.isRecalibrationAdvised === true ? remedy() : undefined;
    if (toDo !== undefined) stream.write(`to do     ${toDo}\n`);
    if (calibration !== undefined) {
      const candidateOut = calibration.proposalError === undefined ? options.candidateOut : undefined;
      stream.write(`${calibrationLines(calibration.account(), model.binMs, candidateOut).join('\n')}\n`);
    }
    const { sealedState } = session;
    const end = { model, hash, modelName, sourceName: source.name, calibration, summary, sealedState };
    let saved: ReturnType<typeof saveLearnedModel>;
    try {
      saved = saveLearnedModel(options, end);
      if (saved !== undefined) stream.write(`${saved.line}\n`);
    } finally {
      // Each is written even if the other cannot be: what they hold is nowhere else.
      const line = saveDecoderState(options, sealedState);
      if (line !== undefined) stream.write(`${line}\n`);
    }
    return { summary, calibration, savedModel: saved?.path ?? null };
  } finally {
    endKeys();
    display.close();
    interrupt.signal.removeEventListener('abort', stop);
  }
}
