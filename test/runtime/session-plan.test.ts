import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StreamInfo } from '../../src/acquisition/source.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { wiener } from '../../src/decoders/wiener/index.ts';
import { planSession } from '../../src/runtime/session-plan.ts';
import { maxBinsPerChunk } from '../../src/runtime/throttled-chunk-ring.ts';
import { randomModel } from '../support/decoder-models.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

const TRUTH = { name: 'handVelocity', labels: ['d0', 'd1'], unit: 'm/s' };

function stream(changes: Partial<StreamInfo> = {}, channelCount = 4): StreamInfo {
  return {
    channels: Array.from({ length: channelCount }, (_, i) => ({ label: `c${i}`, unit: 'count' })),
    sampleRateHz: 1000,
    clockDomain: 'device',
    isPaced: true,
    maxFramesPerChunk: 5,
    truth: TRUTH,
    ...changes,
  };
}

function model(binMs = 20, channelCount = 4): Model {
  return { ...randomModel(wiener, { inputCount: channelCount, outputCount: 2 }, {}, 1), binMs };
}

describe('session plan', () => {
  it('has the sizes of stream and model', () => {
    expect(planSession(stream(), model())).toEqual({
      chunks: { slotCount: 256, channelCount: 4, truthCount: 2, maxFramesPerChunk: 5 },
      records: { slotCount: 1024, featureCount: 4, outputCount: 2, truthCount: 2 },
      framesPerBin: 20,
      framePeriodNs: 1e6,
      isPaced: true,
      isRealTime: true,
      deadlineNs: 20e6,
      comparedDimensions: 2,
    });
  });

  it('asks for real-time threads only where there is a schedule, and unless told not to', () => {
    const asks = (isPaced: boolean, wants: boolean): boolean =>
      planSession(stream({ isPaced }), model(), 1, wants).isRealTime;
    expect([asks(true, true), asks(true, false), asks(false, true)]).toEqual([true, false, false]);
  });

  it('compares the output with the same quantity only: labels, their order, and unit', () => {
    const compared = (truth?: StreamInfo['truth']): number =>
      planSession({ ...stream(), ...(truth === undefined ? {} : { truth }) }, model()).comparedDimensions;
    expect(compared({ ...TRUTH, name: 'fingerVelocity' })).toBe(2);
    expect(compared({ ...TRUTH, unit: 'm' })).toBe(0);
    expect(compared({ ...TRUTH, labels: ['d1', 'd0'] })).toBe(0);
    expect(compared({ ...TRUTH, labels: ['d0'] })).toBe(0);
    const untold = stream();
    delete untold.truth;
    expect(planSession(untold, model())).toMatchObject({ comparedDimensions: 0, chunks: { truthCount: 0 } });
  });

  it.each([
    [20, 1000, 20],
    [45, 1000 / 45, 1], // 22.222... frames a second
    [33, 30_000, 990],
    [50, 20, 1],
    [0.1, 30_000, 3],
  ])('finds the frames of a bin of %s ms at %s Hz', (binMs, sampleRateHz, framesPerBin) => {
    expect(planSession(stream({ sampleRateHz }), model(binMs)).framesPerBin).toBe(framesPerBin);
  });

  it.each([
    [20, 1030],
    [0.4, 1000], // less than a frame
    [50, 1000 / 45],
  ])('refuses bins of %s ms at %s Hz', (binMs, sampleRateHz) => {
    const error = betzErrorOf(() => planSession(stream({ sampleRateHz }), model(binMs)));
    expect(error).toMatchObject({ code: 'DEC_BIN_MISMATCH', value: binMs });
  });

  it('keeps the ring of a wide stream within its limit, and takes no deadline for met that can never be', () => {
    const wide = planSession(stream({ maxFramesPerChunk: 3000 }, 1024), model(20, 1024));
    expect(wide.chunks.slotCount).toBe(4);
    expect(planSession(stream(), model(), 0.5).deadlineNs).toBe(0.5e6);
    for (const deadlineMs of [0, -1, Number.NaN])
      expect(betzErrorOf(() => planSession(stream(), model(), deadlineMs)).code).toBe('CFG_DEADLINE_INVALID');
  });

  it('has room for every bin that a full ring of an unpaced stream can give', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 200 }),
        (maxFramesPerChunk, binMs) => {
          const plan = planSession(stream({ isPaced: false, maxFramesPerChunk }), model(binMs));
          const { chunks, records, framesPerBin } = plan;
          const bins = chunks.slotCount * maxBinsPerChunk(maxFramesPerChunk, framesPerBin);
          expect(records.slotCount).toBeGreaterThanOrEqual(bins);
          for (const { slotCount } of [chunks, records]) expect(Math.log2(slotCount) % 1).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
