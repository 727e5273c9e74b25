/** `betz calibrate --model`: a model brought to a new session by a little of its data. */
import { basename } from 'node:path';
import { frameAfter } from '../acquisition/simulated/simulate-recording.ts';
import { learnedBinCount } from '../calibration/learned-data.ts';
import { calibrateSession } from '../calibration/session/calibrate-session.ts';
import { SESSION_METHODS } from '../calibration/session/session-methods.ts';
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import { onlySegments } from '../calibration/session/ridge-baseline.ts';
import { sessionProvenance } from '../calibration/session/session-provenance.ts';
import { sessionReport } from '../calibration/session/session-report.ts';
import type { LaterScores } from '../calibration/session/session-report.ts';
import { clipSegments } from '../calibration/training-windows.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { createCalibrationHost } from '../host/calibration-host.ts';
import { assertModelPathWritable, readModelFile, writeModelFile } from '../host/model-store.ts';
import { assertReportPathWritable, writeReportFile } from '../host/report-store.ts';
import { version } from '../host/version.ts';
import { sessionReportJson, sessionReportLines } from './calibration-text.ts';
import { usageError } from './failure.ts';
import { freePath } from './free-path.ts';
import { interruptedError, listenForInterrupt } from './interrupt.ts';
import { lagOf, openSessionForModel } from './open-data.ts';
import { startProgress } from './progress.ts';
import type { Progress } from './progress.ts';
import { refuseReplacing } from './refuse-replacing.ts';
import { refuseRank } from './refuse-oversize.ts';
import { reportPage } from './report/report-page.ts';
import { scoreModel } from './score-model.ts';
import { simulateDay } from './simulated-days.ts';

export interface SessionCommandOptions {
  model: string;
  method?: SessionMethod;
  seconds?: number;
  recording?: string;
  source?: string;
  day?: number;
  channels?: number;
  target?: string;
  out?: string;
  replace?: true;
  report?: string;
  steps?: number;
  rank?: number;
  seed: number;
  threads?: number;
  json?: true;
}

/** Options that belong to some methods. */
const METHODS_WITH: Readonly<Record<'rank' | 'steps', readonly SessionMethod[]>> = {
  rank: ['lora'],
  steps: ['read-in', 'ends', 'lora', 'full', 'scratch', 'auto'],
};
const DEFAULT_SECONDS = 60;
const SIMULATED_LATER_S = 120;
/** Less is not worth a score. */
const LATER_S_MIN = 5;

export async function runSessionCalibration(options: SessionCommandOptions): Promise<void> {
  const { model: modelPath, method = 'auto', json, threads } = options;
  refuseForeignOptions(options, method);
  const { model: base, hash } = readModelFile(modelPath);
  refuseRank(options.rank, base);
  const { session, later } = openSession(options, base);
  const name = `${modelPath.replace(/\.safetensors$/, '')}-${method}`;
  const out = options.out ?? freePath((suffix) => `${name}${suffix}.safetensors`);
  refuseReplacing(modelPath, out, 'the new model would replace the one in service');
  if (options.recording !== undefined)
    refuseReplacing(options.recording, out, 'the model would replace the recording');
  assertModelPathWritable(out, options.replace);
  const reportPaths = reportPathsOf(options, out);
  for (const path of reportPaths) assertReportPathWritable(path, options.replace === true);
  const interrupt = listenForInterrupt('stopping; no model will be written');
  const host = createCalibrationHost(threads);
  let progress: Progress | undefined;
  let shown: SessionMethod | undefined;
  try {
    const calibration = await calibrateSession(
      base,
      session,
      {
        method,
        seed: options.seed,
        training: options.steps === undefined ? {} : { stepCount: options.steps },
        ...(options.rank === undefined ? {} : { rank: options.rank }),
        onProgress: ({ method: at, step, stepCount, loss }) => {
          if (at !== shown) {
            progress?.stop();
            progress = startProgress(`calibrating by ${at}`);
            shown = at;
          }
          progress?.update(step / stepCount, `loss ${loss.toFixed(3)}`);
        },
        onCandidate: ({ method: ready, scores, fitSeconds }) => {
          progress?.stop();
          process.stderr.write(
            `${ready}: held-out R2 ${scores.metrics.r2Mean.toFixed(3)} after ${fitSeconds.toFixed(1)} s\n`,
          );
        },
      },
      {
        ...host,
        yieldToHost: async () => {
          await host.yieldToHost();
          if (interrupt.signal.aborted) throw interruptedError();
        },
      },
    );
    const { candidate } = calibration;
    const provenance = sessionProvenance(base, session, calibration, {
      seed: options.seed,
      version,
      baseName: basename(modelPath),
      baseSha256: hash,
    });
    // First: a report that cannot be written does not cost the model.
    const { previous } = writeModelFile(out, { ...candidate.model, provenance }, `betz ${version}`);
    const rest = later === undefined ? undefined : scoreLater(base, candidate.model, session, later);
    if (reportPaths.length > 0) {
      const content = sessionReport(base, session, calibration, {
        seed: options.seed,
        later: rest,
        // What the page does not show already; paths as they were typed, since the page says what to type.
        provenance: { replaces: modelPath, replacesSha256: hash, version, model: out },
      });
      writeReportFile(reportPaths[0], reportPage(content));
      writeReportFile(reportPaths[1], `${JSON.stringify(content, undefined, 1)}\n`);
    }
    const results = { base, session, calibration, rest, out, previous, report: reportPaths[0] };
    process.stdout.write(
      json
        ? `${JSON.stringify(sessionReportJson(results))}\n`
        : `${sessionReportLines(results).join('\n')}\n`,
    );
  } finally {
    progress?.stop();
    interrupt.dispose();
  }
}

/** The page and, beside it, the same as JSON. */
function reportPathsOf({ report: given, recording, model }: SessionCommandOptions, out: string): string[] {
  if (given === undefined) return [];
  const stem = given.replace(/\.[^.]+$/, '');
  const paths = [/\.json$/i.test(given) ? `${stem}.html` : given, `${stem}.json`];
  for (const path of paths) {
    for (const other of [recording, model, out]) {
      if (other !== undefined)
        refuseReplacing(other, path, 'the report would replace another file of this calibration');
    }
  }
  return paths;
}

/** What belongs to some methods, or to recordings, means nothing to others: say so instead of ignoring it. */
function refuseForeignOptions(
  { rank, steps, source, target }: SessionCommandOptions,
  method: SessionMethod,
): void {
  const byMethod = { rank, steps };
  for (const [name, methods] of Object.entries(METHODS_WITH)) {
    const value = byMethod[name as keyof typeof byMethod];
    if (value === undefined || methods.includes(method)) continue;
    throw usageError(
      `--${name} means nothing to --method ${method}`,
      value,
      `Leave it out, or choose a method that has it: ${methods.join(', ')}.`,
    );
  }
  if (target !== undefined && source !== undefined)
    throw usageError('--target is for --recording', target, 'Leave it out: the array has one behaviour.');
}

/** The first seconds of the recording or day, and what comes after them. */
function openSession(
  options: SessionCommandOptions,
  base: Model,
): { session: BinnedRecording; later: BinnedRecording | undefined } {
  const { recording: path, source, day, channels, seconds, seed } = options;
  if (source !== undefined && source !== 'simulated')
    throw usageError(
      `'${source}' is no source to calibrate on`,
      source,
      'Give --recording, or --source simulated.',
    );
  if (source === 'simulated') {
    if (path !== undefined)
      throw usageError('--recording and --source simulated exclude each other', path, 'Leave one out.');
    const settings = {
      seed,
      binMs: base.binMs,
      lagMs: lagOf(base),
      ...(channels === undefined ? {} : { channels }),
    };
    const length = seconds ?? DEFAULT_SECONDS;
    return {
      session: simulateDay(day ?? 0, length, settings),
      later: simulateDay(day ?? 0, SIMULATED_LATER_S, settings, frameAfter(length)),
    };
  }
  if (path === undefined)
    throw usageError('no session was given', undefined, 'Give --recording FILE, or --source simulated.');
  for (const [name, value] of Object.entries({ day, channels })) {
    if (value !== undefined) throw usageError(`--${name} is for --source simulated`, value, 'Leave it out.');
  }
  const whole = openSessionForModel(path, base, options.target);
  const bins = Math.min(whole.binCount, Math.round(((seconds ?? Infinity) * 1000) / whole.binMs));
  const part = (startBin: number, endBin: number): BinnedRecording =>
    onlySegments(whole, clipSegments(whole.segments, { startBin, endBin }));
  const restS = ((whole.binCount - bins) * whole.binMs) / 1000;
  return {
    session: part(0, bins),
    later: restS >= LATER_S_MIN ? part(bins, whole.binCount) : undefined,
  };
}

function scoreLater(
  base: Model,
  candidate: Model,
  session: BinnedRecording,
  later: BinnedRecording,
): LaterScores {
  const range = { startBin: 0, endBin: later.binCount };
  const knownBins = Math.min(learnedBinCount(base, session) - session.binCount, later.binCount);
  const labels = later.channels.map(({ label }) => label).join('\n');
  return {
    seconds: (later.binCount * later.binMs) / 1000,
    knownSeconds: (Math.max(0, knownBins) * later.binMs) / 1000,
    candidate: scoreModel(candidate, later, range),
    inService: base.features.channelLabels.join('\n') === labels ? scoreModel(base, later, range) : undefined,
  };
}

/** A parser of method names. */
export function parseMethod(text: string): SessionMethod {
  const method = SESSION_METHODS.find((known) => known === text);
  if (method !== undefined) return method;
  throw usageError(`'${text}' is no method`, text, `Choose from: ${SESSION_METHODS.join(', ')}.`);
}
