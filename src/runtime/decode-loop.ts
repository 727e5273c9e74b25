/**
 * The real-time loop: takes chunks from the ring, bins them, runs the feature stages and the decoder, and writes one
 * record per bin. It allocates nothing after construction and waits for nobody but the source.
 *
 * Faults give the safe value (zeros) and a flag. A bin whose features are not finite is skipped: the decoder never sees
 * it, and goes on from the state that the bin before left. An output that is not finite, from features that were, means
 * that the state cannot be trusted: the decoder starts anew, and a promoted one gives way to the one before. At a join stages and decoder start anew; across a gap they
 * go on, because time did.
 */
import { CHUNK_HEADER } from '../core/chunk-ring.ts';
import type { ChunkSlot } from '../core/chunk-ring.ts';
import type { Clock } from '../core/clock.ts';
import { RECORD_FLAG, RECORD_HEADER } from '../core/record-ring.ts';
import { LEARNING } from '../decoders/decoder.ts';
import { Binning } from '../signal/binning.ts';
import { createBlock } from '../signal/block.ts';
import type { Block, BlockShape } from '../signal/block.ts';
import { Smoothing } from '../signal/smoothing.ts';
import { ArrivalWaiter } from './arrival-waiter.ts';
import type { WaitOptions } from './arrival-waiter.ts';
import type { DecoderSlots } from './decoder-slots.ts';
import { FrameSchedule } from './frame-schedule.ts';
import type { LatencyName } from './latency.ts';
import { SESSION_ROLLBACKS } from './session-memory.ts';
import type { SessionMemory } from './session-memory.ts';

const NO_TRUTH = new Float32Array(0);

const STAMP = { startNs: 0, stagedNs: 1, decoderNs: 2, doneNs: 3 } as const;

const ELAPSED = {
  acquisitionDelay: 0,
  queueDelay: 1,
  stages: 2,
  decoder: 3,
  computeTime: 4,
  endToEndLatency: 5,
} as const satisfies Record<LatencyName, number>;

/** A change of decoders takes some 100 us: it waits for a pause of this length, or of half a bin where bins are shorter ... */
const SWAP_PAUSE_NS = 2e6;
/** ... but no longer than this many bins: a loop that is always late has no pause. */
const SWAP_PATIENCE_BINS = 100;

export class DecodeLoop {
  private readonly memory: SessionMemory;
  private readonly slots: DecoderSlots;
  private readonly clock: Clock;
  private readonly schedule: FrameSchedule;
  private readonly waiter: ArrivalWaiter;
  private readonly binning: Binning;
  private readonly smoothing: Smoothing;
  /** The ring's slot as a block; its samples are the slot's own. */
  private readonly frames: Block;
  private readonly bins: Block;
  private readonly features: Block;
  private readonly noFrames: Block;
  /** Views of the rows of `features`. */
  private readonly featureRows: Float32Array[];
  private readonly truthRows: Float32Array[];
  private readonly output: Float32Array;
  private readonly savedState: Uint8Array;
  private readonly dummyFeatures: Float32Array;
  private readonly dummyOutput: Float32Array;
  /**
   * Stamps of the bin under way, by STAMP. In an array, and not in arguments: a number that is not a small integer
   * is put into a new object whenever it crosses a call.
   */
  private readonly stamps = new Float64Array(4);
  /** What is measured of the bin, by ELAPSED. */
  private readonly elapsedNs = new Float64Array(6);
  /** Index that the next frame has if nothing was lost. */
  private nextFrame = 0;
  private binIndex = 0;
  /** Bins for which a change of decoders has waited for a pause. */
  private swapWaitBins = 0;

  /** @param smoothing the model's factor, see signal/smoothing.ts */
  constructor(
    memory: SessionMemory,
    slots: DecoderSlots,
    smoothing: number,
    clock: Clock,
    waitOptions: WaitOptions,
  ) {
    const { plan } = memory;
    const shape: BlockShape = {
      channelCount: plan.chunks.channelCount,
      truthCount: plan.chunks.truthCount,
      maxRows: plan.chunks.maxFramesPerChunk,
      rowMs: plan.framePeriodNs / 1e6,
    };
    this.memory = memory;
    this.slots = slots;
    const { decoder, core } = slots;
    this.clock = clock;
    this.schedule = new FrameSchedule(plan.framePeriodNs);
    this.binning = new Binning(plan.framesPerBin);
    this.smoothing = new Smoothing(smoothing);
    const binShape = this.binning.prepare(shape);
    const featureShape = this.smoothing.prepare(binShape);
    this.frames = createBlock(shape);
    this.noFrames = createBlock({ ...shape, maxRows: 0 });
    this.bins = createBlock(binShape);
    this.features = createBlock(featureShape);
    this.featureRows = rowViews(this.features.samples, featureShape.channelCount, featureShape.maxRows);
    this.truthRows = rowViews(this.features.truth, featureShape.truthCount, featureShape.maxRows);
    this.output = new Float32Array(decoder.outputCount);
    this.savedState = new Uint8Array(core.stateBytes);
    this.dummyFeatures = new Float32Array(decoder.inputCount).fill(1); // ones: every weight is touched
    this.dummyOutput = new Float32Array(decoder.outputCount);
    this.waiter = new ArrivalWaiter(
      memory.chunks,
      this.schedule,
      clock,
      () => {
        this.warmCaches();
      },
      waitOptions,
    );
  }

  /** Decodes until the source has closed the ring and everything in it is done. */
  run(): void {
    const { chunks, account } = this.memory;
    for (;;) {
      this.decodeQueued();
      // The last chunk may have been published between the look at the ring and the look at the flag.
      if (chunks.isClosed() && chunks.queuedCount() === 0) break;
      this.waiter.wait();
    }
    this.binning.dropPartialBin();
    account.setDropped(this.binning.dropped);
  }

  /** Decodes what is in the ring now. */
  decodeQueued(): void {
    const { chunks } = this.memory;
    for (let slot = chunks.peek(); slot !== undefined; slot = chunks.peek()) {
      this.processChunk(slot);
      chunks.release();
    }
  }

  /** An untimed step whose effects are undone, and stages on nothing: what the next bin needs is then in the caches. */
  warmCaches(): void {
    const { decoder, core } = this.slots;
    core.saveState(this.savedState);
    decoder.step(this.dummyFeatures, this.dummyOutput);
    core.loadState(this.savedState);
    this.binning.process(this.noFrames, this.bins);
    this.smoothing.process(this.bins, this.features);
  }

  private processChunk(slot: ChunkSlot): void {
    this.stamps[STAMP.startNs] = this.clock.nowNs();
    this.takeFrames(slot);
    this.binning.process(this.frames, this.bins);
    this.smoothing.process(this.bins, this.features);
    this.stamps[STAMP.stagedNs] = this.clock.nowNs();
    for (let bin = 0; bin < this.features.rowCount; bin++) this.decodeBin(bin);
    this.memory.account.setDropped(this.binning.dropped);
    if (this.features.rowCount > 0) this.changeDecoderIfAsked();
    this.expectNextBin(slot);
  }

  private takeFrames(slot: ChunkSlot): void {
    const { frames } = this;
    const { header } = slot;
    const frameCount = header[CHUNK_HEADER.frameCount];
    const firstFrame = header[CHUNK_HEADER.firstFrameIndex];
    const scheduledNs = header[CHUNK_HEADER.scheduledNs];
    this.schedule.observe(header, firstFrame + frameCount - this.nextFrame);
    const { framePeriodNs } = this.schedule;
    frames.rowCount = frameCount;
    frames.samples = slot.samples;
    frames.truth = slot.truth;
    for (let row = 0; row < frameCount; row++) {
      frames.firstFrame[row] = firstFrame + row;
      frames.lastFrame[row] = firstFrame + row;
      frames.scheduledNs[row] = scheduledNs - (frameCount - 1 - row) * framePeriodNs;
      frames.arrivalNs[row] = header[CHUNK_HEADER.arrivalNs];
      frames.isJoin[row] = 0;
    }
    if (frameCount > 0) frames.isJoin[0] = header[CHUNK_HEADER.isJoin];
    this.memory.account.countChunk(frameCount, Math.max(0, firstFrame - this.nextFrame));
    this.nextFrame = firstFrame + frameCount;
  }

  private decodeBin(bin: number): void {
    const { memory, slots, output, stamps, features: block } = this;
    const { decoder, core, learner, generation } = slots;
    const features = this.featureRows[bin];
    const truth = this.truthRows[bin];
    const isJoin = block.isJoin[bin] === 1;
    stamps[STAMP.decoderNs] = this.clock.nowNs();
    if (isJoin) core.reset(); // what was learned stays
    const isSkipped = !isFinite(features);
    if (!isSkipped) decoder.step(features, output);
    const isNonFinite = isSkipped || !isFinite(output);
    if (isNonFinite) {
      output.fill(0); // the declared safe value: zero velocity
      if (!isSkipped) slots.recover(this.binIndex + 1);
    }
    const slot = memory.records.claim();
    if (slot !== undefined) {
      const { header } = slot;
      slot.features.set(features);
      slot.output.set(output);
      slot.truth.set(truth);
      header[RECORD_HEADER.binIndex] = this.binIndex;
      header[RECORD_HEADER.firstFrame] = block.firstFrame[bin];
      header[RECORD_HEADER.lastFrame] = block.lastFrame[bin];
      header[RECORD_HEADER.scheduledNs] = block.scheduledNs[bin];
      header[RECORD_HEADER.arrivalNs] = block.arrivalNs[bin];
      header[RECORD_HEADER.startNs] = stamps[STAMP.startNs];
      header[RECORD_HEADER.stagedNs] = stamps[STAMP.stagedNs];
      header[RECORD_HEADER.decoderNs] = stamps[STAMP.decoderNs];
      header[RECORD_HEADER.generation] = generation;
      header[RECORD_HEADER.flags] =
        (isJoin ? RECORD_FLAG.join : 0) + (isNonFinite ? RECORD_FLAG.nonFinite : 0);
    }
    stamps[STAMP.doneNs] = this.clock.nowNs();
    if (slot !== undefined) {
      slot.header[RECORD_HEADER.doneNs] = stamps[STAMP.doneNs];
      memory.records.publish();
    }
    this.binIndex++;
    memory.account.countBin(memory.plan.framesPerBin, isJoin, isNonFinite);
    if (memory.plan.comparedDimensions > 0) memory.metrics.update(truth, output);
    this.recordLatency(bin);
    if (learner === undefined) return;
    if (!isNonFinite) {
      const before = learner.account[LEARNING.rollbacks];
      learner.learn(memory.plan.comparedDimensions > 0 ? truth : NO_TRUTH);
      memory.learning[SESSION_ROLLBACKS] += learner.account[LEARNING.rollbacks] - before;
    }
    // That of another decoder where this bin brought one back.
    memory.learning.set(slots.learner?.account ?? learner.account);
  }

  /** Bins of a chunk are all decoded: the next one is still on its way. */
  private changeDecoderIfAsked(): void {
    const { slots } = this;
    if (!slots.exchange.isRequested()) return;
    if (!this.hasPause() && this.swapWaitBins < SWAP_PATIENCE_BINS) {
      this.swapWaitBins += this.features.rowCount;
      return;
    }
    this.swapWaitBins = 0;
    slots.answerRequest(this.binIndex);
  }

  /** Enough time until the next bin is due; there is no telling without a schedule, and no hurry. */
  private hasPause(): boolean {
    const { plan } = this.memory;
    if (!plan.isPaced) return true;
    const binNs = plan.framesPerBin * plan.framePeriodNs;
    const nextNs = this.features.scheduledNs[this.features.rowCount - 1] + binNs;
    return nextNs - this.clock.nowNs() >= Math.min(SWAP_PAUSE_NS, binNs / 2);
  }

  private recordLatency(bin: number): void {
    const { stamps, elapsedNs, features } = this;
    const { latency, plan, account } = this.memory;
    elapsedNs[ELAPSED.stages] = stamps[STAMP.stagedNs] - stamps[STAMP.startNs];
    elapsedNs[ELAPSED.decoder] = stamps[STAMP.doneNs] - stamps[STAMP.decoderNs];
    elapsedNs[ELAPSED.computeTime] = elapsedNs[ELAPSED.stages] + elapsedNs[ELAPSED.decoder];
    latency.stages.recordFrom(elapsedNs, ELAPSED.stages);
    latency.decoder.recordFrom(elapsedNs, ELAPSED.decoder);
    latency.computeTime.recordFrom(elapsedNs, ELAPSED.computeTime);
    if (!plan.isPaced) return;
    elapsedNs[ELAPSED.acquisitionDelay] = features.arrivalNs[bin] - features.scheduledNs[bin];
    elapsedNs[ELAPSED.queueDelay] = stamps[STAMP.startNs] - features.arrivalNs[bin];
    elapsedNs[ELAPSED.endToEndLatency] = stamps[STAMP.doneNs] - features.scheduledNs[bin];
    latency.acquisitionDelay.recordFrom(elapsedNs, ELAPSED.acquisitionDelay);
    latency.queueDelay.recordFrom(elapsedNs, ELAPSED.queueDelay);
    latency.endToEndLatency.recordFrom(elapsedNs, ELAPSED.endToEndLatency);
    account.countDeadline(elapsedNs[ELAPSED.endToEndLatency] > plan.deadlineNs);
  }

  /** The bin is complete with the chunk that brings its last frame; chunks are taken to stay as long as this one. */
  private expectNextBin(slot: ChunkSlot): void {
    const { plan } = this.memory;
    const frameCount = slot.header[CHUNK_HEADER.frameCount];
    if (!plan.isPaced || frameCount === 0) return;
    const chunkCount = Math.ceil(this.binning.framesToEdge() / frameCount);
    this.waiter.expect(slot.header, chunkCount * frameCount);
  }
}

function isFinite(values: Float32Array): boolean {
  let probe = 0; // NaN as soon as one value is not finite
  for (let i = 0; i < values.length; i++) probe += values[i] * 0;
  return probe === 0;
}

function rowViews(values: Float32Array, width: number, rowCount: number): Float32Array[] {
  return Array.from({ length: rowCount }, (_, row) => values.subarray(row * width, (row + 1) * width));
}
