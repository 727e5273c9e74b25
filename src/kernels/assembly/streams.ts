/**
 * Channels of one batch row over time, laid out so that a time loop reads and writes forward: groups of 4 channels, each
 * a stream [T][4]. Sequences are [T][B][H], where the step from one time to the next is B H floats: a loop over time
 * there touches a cache line a step, all in a few sets of the cache. Sixteen channels, a cache line, are copied at a time.
 * Lanes beyond the last channel are zero.
 */
export const CHANNELS: i32 = 16;

/** streams[4][T][4] <- the `width` (at most 16) channels at xPtr of each of T rows. */
export function gatherStreams(streamsPtr: usize, xPtr: usize, timeCount: i32, rowBytes: usize, width: i32): void {
  const streamBytes = <usize>timeCount << 4;
  let x = xPtr;
  let to = streamsPtr;
  if (width == CHANNELS) {
    for (let t = 0; t < timeCount; t++) {
      v128.store(to, v128.load(x));
      v128.store(to + streamBytes, v128.load(x, 16));
      v128.store(to + 2 * streamBytes, v128.load(x, 32));
      v128.store(to + 3 * streamBytes, v128.load(x, 48));
      x += rowBytes;
      to += 16;
    }
    return;
  }
  for (let t = 0; t < timeCount; t++) {
    for (let c = 0; c < width; c += 4) {
      const group = to + <usize>(c >> 2) * streamBytes;
      v128.store(group, loadChannels(x + (<usize>c << 2), width - c));
    }
    x += rowBytes;
    to += 16;
  }
}

/** x = streams, or += with isAdding: the inverse of gatherStreams. */
export function scatterStreams(
  xPtr: usize,
  streamsPtr: usize,
  timeCount: i32,
  rowBytes: usize,
  width: i32,
  isAdding: bool,
): void {
  const streamBytes = <usize>timeCount << 4;
  let x = xPtr;
  let from = streamsPtr;
  for (let t = 0; t < timeCount; t++) {
    for (let c = 0; c < width; c += 4) {
      const value = v128.load(from + <usize>(c >> 2) * streamBytes);
      storeChannels(x + (<usize>c << 2), value, width - c, isAdding);
    }
    x += rowBytes;
    from += 16;
  }
}

/** Up to four values, one per channel; lanes beyond `count` are zero. */
// @ts-ignore: decorator
@inline
export function loadChannels(ptr: usize, count: i32): v128 {
  if (count >= 4) return v128.load(ptr);
  let lanes = v128.load32_zero(ptr);
  if (count > 1) lanes = f32x4.replace_lane(lanes, 1, load<f32>(ptr, 4));
  if (count > 2) lanes = f32x4.replace_lane(lanes, 2, load<f32>(ptr, 8));
  return lanes;
}

/** The first `count` lanes, at most four, stored or added. */
// @ts-ignore: decorator
@inline
export function storeChannels(ptr: usize, value: v128, count: i32, isAdding: bool): void {
  const sum = isAdding ? f32x4.add(loadChannels(ptr, count), value) : value;
  if (count >= 4) {
    v128.store(ptr, sum);
    return;
  }
  store<f32>(ptr, f32x4.extract_lane(sum, 0));
  if (count > 1) store<f32>(ptr, f32x4.extract_lane(sum, 1), 4);
  if (count > 2) store<f32>(ptr, f32x4.extract_lane(sum, 2), 8);
}
