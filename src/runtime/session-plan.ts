/** Whether a model can decode a stream, and the sizes of everything that they share. Checked before any data flow. */
import type { StreamInfo } from '../acquisition/source.ts';
import { BetzError } from '../core/errors.ts';
import type { Model } from '../decoders/decoder.ts';
import type { SessionPlan } from './session-memory.ts';
import { maxBinsPerChunk } from './throttled-chunk-ring.ts';

/** Bin widths are often not whole in binary: 45 ms is 22.222... frames a second. */
const FRAMES_TOLERANCE = 1e-6;
/** How far a paced source may run ahead of the decode thread; unpaced sources need no more than to overlap with it. */
const PACED_CHUNKS = 256;
const UNPACED_CHUNKS = 8;
const CHUNK_RING_BYTES_MAX = 64 * 2 ** 20;
/** 10 s of a main thread that hangs, at 10 ms bins. */
const RECORDS_MIN = 1024;

/**
 * @param deadlineMs default: the bin width
 * @param wantsRealTime for paced streams: at maximum speed real-time threads would starve the machine
 * @throws BetzError DEC_CHANNEL_COUNT_MISMATCH, DEC_BIN_MISMATCH, CFG_DEADLINE_INVALID
 */
export function planSession(
  stream: StreamInfo,
  model: Model,
  deadlineMs = model.binMs,
  wantsRealTime = true,
): SessionPlan {
  const channelCount = stream.channels.length;
  if (channelCount !== model.shape.inputCount) {
    throw new BetzError(
      'DEC_CHANNEL_COUNT_MISMATCH',
      `the model decodes ${model.shape.inputCount} channels, and the source has ${channelCount}`,
      { value: channelCount, tip: 'Use a model that was calibrated on this source, or calibrate one.' },
    );
  }
  if (!(deadlineMs > 0)) {
    throw new BetzError('CFG_DEADLINE_INVALID', `a deadline of ${deadlineMs} ms cannot be met`, {
      value: deadlineMs,
      tip: 'Give the deadline in milliseconds after the bin edge, above 0.',
    });
  }
  const framesPerBin = checkBinWidth(stream, model);
  const truthCount = stream.truth?.labels.length ?? 0;
  const { maxFramesPerChunk, isPaced } = stream;
  const chunkSlots = isPaced ? PACED_CHUNKS : UNPACED_CHUNKS;
  const chunkBytes = maxFramesPerChunk * (channelCount + truthCount) * 4;
  const binsInFlight = maxBinsPerChunk(maxFramesPerChunk, framesPerBin) * UNPACED_CHUNKS;
  return {
    chunks: {
      slotCount: Math.max(2, Math.min(chunkSlots, floorPowerOfTwo(CHUNK_RING_BYTES_MAX / chunkBytes))),
      channelCount,
      truthCount,
      maxFramesPerChunk,
    },
    records: {
      slotCount: Math.max(RECORDS_MIN, 2 * floorPowerOfTwo(binsInFlight)),
      featureCount: channelCount,
      outputCount: model.shape.outputCount,
      truthCount,
    },
    framesPerBin,
    framePeriodNs: 1e9 / stream.sampleRateHz,
    isPaced,
    isRealTime: isPaced && wantsRealTime,
    deadlineNs: deadlineMs * 1e6,
    comparedDimensions: isComparable(stream.truth, model.output) ? truthCount : 0,
  };
}

/** R2 means something only between the same quantities in the same order and unit. */
function isComparable(truth: StreamInfo['truth'], output: Model['output']): boolean {
  return (
    truth !== undefined && truth.unit === output.unit && truth.labels.join('\n') === output.labels.join('\n')
  );
}

function checkBinWidth(stream: StreamInfo, model: Model): number {
  const exact = (model.binMs * stream.sampleRateHz) / 1000;
  const framesPerBin = Math.round(exact);
  if (framesPerBin >= 1 && Math.abs(exact - framesPerBin) <= FRAMES_TOLERANCE * framesPerBin)
    return framesPerBin;
  const frameMs = 1000 / stream.sampleRateHz;
  throw new BetzError(
    'DEC_BIN_MISMATCH',
    `the model decodes bins of ${model.binMs} ms, and the source gives a frame every ${frameMs} ms`,
    {
      value: model.binMs,
      tip: 'The bin width must be a whole number of frames: calibrate a model on this source.',
    },
  );
}

function floorPowerOfTwo(value: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(1, value)));
}
