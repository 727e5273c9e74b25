/** Where scans over channels keep what they save: [B][ceil4(H)/4][T][4]. */
export function savedIndex(
  t: number,
  b: number,
  channel: number,
  timeCount: number,
  channelCount: number,
): number {
  const groupCount = Math.ceil(channelCount / 4);
  return ((b * groupCount + Math.floor(channel / 4)) * timeCount + t) * 4 + (channel % 4);
}

/** Calls `visit` for each batch row and each channel, padding included. */
export function forEachChannel(
  batchCount: number,
  channelCount: number,
  visit: (b: number, channel: number) => void,
): void {
  for (let b = 0; b < batchCount; b++) {
    for (let channel = 0; channel < 4 * Math.ceil(channelCount / 4); channel++) visit(b, channel);
  }
}
