/** The report of a session calibration as one plain object, ready for JSON. docs/calibration-report.md explains each part. */
import type { BinnedRecording, Segment } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import type { SessionMethod } from './session-methods.ts';
import type { FailedMethod, SessionCalibration, SessionCandidate } from './session-task.ts';
import { channelChanges, FACTOR_MIN, SPIKES_MIN, Z_MIN } from './channel-changes.ts';
import type { ChannelChange } from './channel-changes.ts';
import { sessionSeconds, verdictOf } from './report-verdict.ts';
import type { Verdict } from './report-verdict.ts';
import type { DecodingMetrics } from '../metrics.ts';
import { sessionLagMs } from './session-provenance.ts';
import { takeRows } from './session-scores.ts';
import type { BlockScores } from './session-scores.ts';

const REPORT_SCHEMA = 'betz.sessionReport';
const REPORT_VERSION = 1;

/** In the order of `output.labels`. */
export interface ReportScores {
  r2: readonly number[];
  r2Mean: number;
  r2VarianceWeighted: number;
  /** null where a decoder's output is constant. */
  pearsonR: readonly (number | null)[];
}

interface ReportBlock {
  startS: number;
  endS: number;
  r2: { candidate: number; inService: number; baseline: number };
}

export interface ReportMethod {
  method: SessionMethod;
  isChosen: boolean;
  r2: readonly number[];
  r2Mean: number;
  fitSeconds: number;
  /** Empty for methods that do not train by gradient. */
  learningCurve: readonly { step: number; loss: number; validationR2: number | null }[];
}

/** Data of which nothing was learned or chosen, with the candidate as it was written. */
interface ReportLater {
  seconds: number;
  /** Of these, the decoder in service had learned from before. */
  knownSeconds: number;
  candidate: ReportScores;
  /** null where it does not know the session's channels. */
  inService: ReportScores | null;
}

/** Of one held-out block; each [dimensions][bins]. */
export interface ReportTrace {
  truth: readonly (readonly number[])[];
  candidate: readonly (readonly number[])[];
  inService: readonly (readonly number[])[];
}

export interface SessionReport {
  schema: typeof REPORT_SCHEMA;
  version: typeof REPORT_VERSION;
  verdict: Verdict;
  session: {
    name: string;
    channelCount: number;
    binCount: number;
    binMs: number;
    seconds: number;
    /** Where data that were not continuous in time were put together. */
    joinsS: readonly number[];
  };
  /** lagMs: how long after its bin the output was. */
  output: { name: string; labels: readonly string[]; unit: string; lagMs: number };
  /** The decoder in service, from which the candidate began. */
  base: {
    kind: string;
    channelCount: number;
    /** false: its channels differ from the session's, so that it was judged with those that both have and the session's z-scores. */
    isJudgedAsItIs: boolean;
  };
  seed: number;
  /** Fit and held-out parts of the session, in seconds from its start. */
  data: {
    fitS: readonly (readonly [number, number])[];
    fitSeconds: number;
    heldOutSeconds: number;
  };
  blocks: readonly ReportBlock[];
  scores: { candidate: ReportScores; inService: ReportScores; baseline: ReportScores };
  /** On what came after the session's data, where there was any. */
  later: ReportLater | null;
  methods: readonly ReportMethod[];
  /** What was to follow them, and could not. */
  failed: FailedMethod | null;
  channels: {
    rule: string;
    changedCount: number;
    /** Every channel, in the session's order, then those that are gone. */
    all: readonly ChannelChange[];
  };
  /** As many as `blocks`, in their order. */
  outputs: readonly ReportTrace[];
  /** The outputs added up within each block, from 0 at its start; null unless the output is a velocity. */
  positions: { unit: string; blocks: readonly ReportTrace[] } | null;
  provenance: Readonly<Record<string, unknown>>;
}

export interface ReportContext {
  seed: number;
  later?: LaterScores | undefined;
  /** What else is known of how this came about (versions, paths, times): goes into the report as it is. */
  provenance?: Readonly<Record<string, unknown>>;
}

/** What the candidate is tried on beyond the data that it was made of. */
export interface LaterScores {
  seconds: number;
  /** Of these, the decoder in service had learned from before. */
  knownSeconds: number;
  candidate: DecodingMetrics;
  /** Absent where the decoder in service does not know the session's channels. */
  inService: DecodingMetrics | undefined;
}

/**
 * @param base the decoder in service that was given to `calibrateSession`
 * @param recording the session's data that were given to it
 */
export function sessionReport(
  base: Model,
  recording: BinnedRecording,
  { candidate, tried, blocks, inService, baseline, failed }: SessionCalibration,
  { seed, later, provenance = {} }: ReportContext,
): SessionReport {
  const { binMs, binCount, segments, target } = recording;
  const binS = binMs / 1000;
  const rangeS = ({ startBin, endBin }: Segment): [number, number] => [startBin * binS, endBin * binS];
  const channels = channelChanges(base, recording);
  const outputs = traces(recording, blocks.heldOut, candidate.scores, inService);
  const { name, labels, unit } = target;
  return {
    schema: REPORT_SCHEMA,
    version: REPORT_VERSION,
    verdict: verdictOf(candidate.scores, inService, baseline, sessionSeconds(base, recording), failed),
    session: {
      name: recording.name,
      channelCount: recording.channels.length,
      binCount,
      binMs,
      seconds: binCount * binS,
      joinsS: segments.slice(1).map(({ startBin }) => startBin * binS),
    },
    output: { name, labels: [...labels], unit, lagMs: sessionLagMs(base, recording) },
    base: {
      kind: base.kind,
      channelCount: base.features.channelLabels.length,
      isJudgedAsItIs: hasSameChannels(base, recording),
    },
    seed,
    data: {
      fitS: blocks.fit.map(rangeS),
      fitSeconds: secondsOf(blocks.fit, binS),
      heldOutSeconds: secondsOf(blocks.heldOut, binS),
    },
    blocks: blocks.heldOut.map((segment, block) => {
      const [startS, endS] = rangeS(segment);
      return {
        startS,
        endS,
        r2: {
          candidate: candidate.scores.blockR2[block],
          inService: inService.blockR2[block],
          baseline: baseline.blockR2[block],
        },
      };
    }),
    scores: {
      candidate: scoresOf(candidate.scores.metrics),
      inService: scoresOf(inService.metrics),
      baseline: scoresOf(baseline.metrics),
    },
    later: later === undefined ? null : laterOf(later),
    methods: tried.map((one) => methodOf(one, one === candidate)),
    failed: failed ?? null,
    channels: {
      rule: CHANNEL_RULE,
      changedCount: channels.filter(({ state }) => state !== 'unchanged').length,
      all: channels,
    },
    outputs,
    positions: positionsOf(recording, outputs),
    provenance,
  };
}

const CHANNEL_RULE =
  `Fell silent: no spike, where at least ${SPIKES_MIN} were expected from the earlier rate. Woke up: ignored by the earlier decoder, ` +
  `and now at least ${SPIKES_MIN} spikes. Stuck: the same count in every bin. Rate rose or fell: by a factor of at least ` +
  `${FACTOR_MIN}, and by more than chance: at least ${Z_MIN} standard deviations of Poisson noise, widened where counts vary more.`;

/** As `calibrateSession` decides whether the decoder in service can be judged as it is. */
export function hasSameChannels(base: Model, { channels }: BinnedRecording): boolean {
  const { channelLabels } = base.features;
  return (
    channelLabels.length === channels.length && channels.every(({ label }, i) => label === channelLabels[i])
  );
}

function secondsOf(segments: readonly Segment[], binS: number): number {
  return segments.reduce((sum, { startBin, endBin }) => sum + (endBin - startBin), 0) * binS;
}

function laterOf({ seconds, knownSeconds, candidate, inService }: LaterScores): ReportLater {
  return {
    seconds,
    knownSeconds,
    candidate: scoresOf(candidate),
    inService: inService === undefined ? null : scoresOf(inService),
  };
}

function scoresOf({ r2, r2Mean, r2VarianceWeighted, pearsonR }: DecodingMetrics): ReportScores {
  return { r2, r2Mean, r2VarianceWeighted, pearsonR: pearsonR.map(orNull) };
}

function methodOf(
  { method, scores, fitSeconds, learningCurve }: SessionCandidate,
  isChosen: boolean,
): ReportMethod {
  const { r2, r2Mean } = scores.metrics;
  return {
    method,
    isChosen,
    r2,
    r2Mean,
    fitSeconds,
    learningCurve: learningCurve.map(({ step, loss, validationR2 }) => ({
      step,
      loss,
      validationR2: orNull(validationR2),
    })),
  };
}

/** JSON has no NaN. */
function orNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function traces(
  { target }: BinnedRecording,
  blocks: readonly Segment[],
  candidate: BlockScores,
  inService: BlockScores,
): ReportTrace[] {
  const width = target.labels.length;
  const truth = takeRows(target.values, width, blocks);
  let row = 0;
  return blocks.map(({ startBin, endBin }) => {
    const start = row;
    row += endBin - startBin;
    const columns = (values: Float32Array): number[][] =>
      Array.from({ length: width }, (_, d) =>
        Array.from({ length: row - start }, (__, i) => short(values[(start + i) * width + d])),
      );
    return {
      truth: columns(truth),
      candidate: columns(candidate.predictions),
      inService: columns(inService.predictions),
    };
  });
}

/** Blocks lie within segments, so nothing is added up across a join. */
function positionsOf(
  { target, binMs }: BinnedRecording,
  outputs: readonly ReportTrace[],
): SessionReport['positions'] {
  if (!target.unit.endsWith('/s')) return null;
  const addUp = (columns: ReportTrace['truth']): number[][] =>
    columns.map((values) => {
      let position = 0;
      return values.map((value) => short((position += (value * binMs) / 1000)));
    });
  return {
    unit: target.unit.slice(0, -'/s'.length),
    blocks: outputs.map(({ truth, candidate, inService }) => ({
      truth: addUp(truth),
      candidate: addUp(candidate),
      inService: addUp(inService),
    })),
  };
}

/** Five digits: more than a plot shows, and a fifth of the bytes. */
function short(value: number): number {
  return Number(value.toPrecision(5));
}
