import { describe, expect, it } from 'vitest';
import { DecodeAccount } from '../../src/runtime/decode-account.ts';
import { checkAccount, finalAccount, liveAccount } from '../../src/runtime/sample-account.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

const CHANNELS = 3;

/** 40 frames in bins of 10, of 45 that the indexes tell of; the gap cost 4 more, the last bin 2. */
function decoded(): DecodeAccount {
  const account = new DecodeAccount();
  account.countChunk(30, 0);
  account.countChunk(16, 5);
  for (let bin = 0; bin < 4; bin++) account.countBin(10, false, false);
  account.setDropped({ gap: 4, join: 0, partialBin: 2 });
  return account;
}

/** It lost the 5 frames and, at the very end, 7 more that no index tells of. */
const SOURCE = { producedFrames: 58, receivedFrames: 46, lostFrames: { ringFull: 5, deviceGap: 7 } };

describe('sample account', () => {
  it('while the session runs is what the decode thread sees', () => {
    expect(liveAccount(decoded(), CHANNELS)).toEqual({
      produced: 51 * CHANNELS,
      received: 46 * CHANNELS,
      lost: 5 * CHANNELS,
      processed: 40 * CHANNELS,
      dropped: 6 * CHANNELS,
      lostByReason: { unexplained: 5 * CHANNELS },
      droppedByReason: { gap: 4 * CHANNELS, join: 0, partialBin: 2 * CHANNELS },
    });
  });

  it('at the end puts the books of both threads together, and they balance', () => {
    const account = finalAccount(SOURCE, decoded(), true, CHANNELS);
    expect(account).toEqual({
      produced: 58 * CHANNELS,
      received: 46 * CHANNELS,
      lost: 12 * CHANNELS,
      processed: 40 * CHANNELS,
      dropped: 6 * CHANNELS,
      lostByReason: { ringFull: 5 * CHANNELS, deviceGap: 7 * CHANNELS },
      droppedByReason: { gap: 4 * CHANNELS, join: 0, partialBin: 2 * CHANNELS },
    });
    checkAccount(account);
  });

  it('without a source that could tell stays the view of the decode thread', () => {
    const account = finalAccount(undefined, decoded(), true, CHANNELS);
    expect(account).toEqual(liveAccount(decoded(), CHANNELS));
    checkAccount(account);
  });

  it('says what a decode thread that died has left', () => {
    const account = finalAccount({ ...SOURCE, receivedFrames: 50 }, decoded(), false, CHANNELS);
    expect(account.droppedByReason['decoderStopped']).toBe(4 * CHANNELS);
    expect(account.processed + account.dropped).toBe(account.received);
  });

  it.each([
    ['a frame that was produced and went nowhere', { ...SOURCE, producedFrames: 59 }],
    ['a frame that was lost twice', { ...SOURCE, lostFrames: { ringFull: 6, deviceGap: 7 } }],
    [
      'a frame that the decode thread never got',
      { producedFrames: 47, receivedFrames: 47, lostFrames: { ringFull: 0, deviceGap: 0 } },
    ],
  ])('refuses %s', (_what, source) => {
    const account = finalAccount(source, decoded(), true, CHANNELS);
    const error = betzErrorOf(() => {
      checkAccount(account);
    });
    expect(error).toMatchObject({ code: 'ACQ_ACCOUNTING_MISMATCH', value: account });
  });

  it('counts on memory that another thread reads, with the longest run of misses', () => {
    const account = new DecodeAccount();
    const reader = new DecodeAccount(account.buffer);
    for (const isMissed of [true, true, false, true, true, true, false, true])
      account.countDeadline(isMissed);
    account.countBin(10, true, false);
    account.countBin(10, false, true);
    expect([reader.deadlineMisses(), reader.missRunMax()]).toEqual([6, 3]);
    expect([reader.binCount(), reader.joinCount(), reader.nonFiniteBins()]).toEqual([2, 1, 1]);
  });
});
