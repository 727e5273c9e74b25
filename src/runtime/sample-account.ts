/**
 * Where every sample of a session went. Two threads count independently of each other, the source what it produced
 * and the decode thread what it took, and at the end the books must balance:
 *
 *   produced = received + lost (by reason)      received = processed + dropped (by reason)
 *
 * Counted in samples: frames x channels.
 */
import type { SourceAccount } from '../acquisition/source.ts';
import { BetzError } from '../core/errors.ts';
import type { DecodeAccount } from './decode-account.ts';

export interface SampleAccount {
  produced: number;
  received: number;
  lost: number;
  processed: number;
  dropped: number;
  /** Before the ring. 'unexplained' only while the session runs: the source tells its reasons at the end. */
  lostByReason: Record<string, number>;
  /** Behind the ring. */
  droppedByReason: Record<string, number>;
}

/** As the decode thread sees it now: what is on its way in the ring is not yet received. */
export function liveAccount(decode: DecodeAccount, channelCount: number): SampleAccount {
  const receivedFrames = decode.receivedFrames();
  const missingFrames = decode.missingFrames();
  return samples(channelCount, {
    producedFrames: receivedFrames + missingFrames,
    receivedFrames,
    lostFrames: { unexplained: missingFrames },
    processedFrames: decode.processedFrames(),
    droppedFrames: { ...decode.droppedFrames() },
  });
}

/**
 * The account at the end.
 * @param source undefined when its thread died without giving one: then the decode thread's view stands for both
 * @param isDecodeComplete false when the decode thread ended early: what it left in the ring is dropped, as `decoderStopped`
 */
export function finalAccount(
  source: SourceAccount | undefined,
  decode: DecodeAccount,
  isDecodeComplete: boolean,
  channelCount: number,
): SampleAccount {
  if (source === undefined) return liveAccount(decode, channelCount);
  const droppedFrames: Record<string, number> = { ...decode.droppedFrames() };
  if (!isDecodeComplete) {
    const countedFrames = decode.processedFrames() + sum(droppedFrames);
    droppedFrames['decoderStopped'] = source.receivedFrames - countedFrames;
  }
  return samples(channelCount, {
    ...source,
    processedFrames: decode.processedFrames(),
    droppedFrames,
  });
}

/** @throws BetzError ACQ_ACCOUNTING_MISMATCH */
export function checkAccount(account: SampleAccount): void {
  const { produced, received, lost, processed, dropped } = account;
  if (produced === received + lost && received === processed + dropped) return;
  throw new BetzError('ACQ_ACCOUNTING_MISMATCH', 'the samples of this session do not add up', {
    value: account,
    tip: 'Do not trust the results of this session, and report this as a bug, with the account.',
  });
}

function samples(
  channelCount: number,
  frames: {
    producedFrames: number;
    receivedFrames: number;
    lostFrames: Record<string, number>;
    processedFrames: number;
    droppedFrames: Record<string, number>;
  },
): SampleAccount {
  const times = (counts: Record<string, number>): Record<string, number> =>
    Object.fromEntries(Object.entries(counts).map(([reason, count]) => [reason, count * channelCount]));
  return {
    produced: frames.producedFrames * channelCount,
    received: frames.receivedFrames * channelCount,
    lost: sum(frames.lostFrames) * channelCount,
    processed: frames.processedFrames * channelCount,
    dropped: sum(frames.droppedFrames) * channelCount,
    lostByReason: times(frames.lostFrames),
    droppedByReason: times(frames.droppedFrames),
  };
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
