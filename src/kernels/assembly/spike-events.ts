/** What follows spikes: the columns of a matrix that they add, and how many there are. */

/** y = bias + the columns of the neurons that fired: additions only. */
export function matvecSpikes(
  yPtr: usize,
  packedPtr: usize,
  biasPtr: usize,
  listPtr: usize,
  spikeCount: i32,
  rows: i32,
  cols: i32,
): void {
  const listEnd = listPtr + (<usize>spikeCount << 2);
  const blockBytes = <usize>cols * 96;
  let w = packedPtr;
  for (let block = 0; block < rows; block += 24) {
    const at = <usize>block << 2;
    let y0 = v128.load(biasPtr + at);
    let y1 = v128.load(biasPtr + at, 16);
    let y2 = v128.load(biasPtr + at, 32);
    let y3 = v128.load(biasPtr + at, 48);
    let y4 = v128.load(biasPtr + at, 64);
    let y5 = v128.load(biasPtr + at, 80);
    for (let item = listPtr; item < listEnd; item += 4) {
      const column = w + <usize>load<u32>(item) * 96;
      y0 = f32x4.add(y0, v128.load(column));
      y1 = f32x4.add(y1, v128.load(column, 16));
      y2 = f32x4.add(y2, v128.load(column, 32));
      y3 = f32x4.add(y3, v128.load(column, 48));
      y4 = f32x4.add(y4, v128.load(column, 64));
      y5 = f32x4.add(y5, v128.load(column, 80));
    }
    v128.store(yPtr + at, y0);
    v128.store(yPtr + at, y1, 16);
    v128.store(yPtr + at, y2, 32);
    v128.store(yPtr + at, y3, 48);
    v128.store(yPtr + at, y4, 64);
    v128.store(yPtr + at, y5, 80);
    w += blockBytes;
  }
}

/** rates[B] = mean of s[T][B][H] over time and channels. */
export function spikeRates(ratesPtr: usize, sPtr: usize, timeCount: i32, batchCount: i32, channelCount: i32): void {
  const rowBytes = <usize>channelCount << 2;
  const scale = 1.0 / (<f64>timeCount * <f64>channelCount);
  for (let b = 0; b < batchCount; b++) {
    let sum: f64 = 0;
    for (let t = 0; t < timeCount; t++) {
      const row = sPtr + <usize>(t * batchCount + b) * rowBytes;
      let lanes = f32x4.splat(0);
      let at: usize = 0;
      for (; at + 16 <= rowBytes; at += 16) lanes = f32x4.add(lanes, v128.load(row + at));
      let rest =
        f32x4.extract_lane(lanes, 0) + f32x4.extract_lane(lanes, 1) +
        (f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3));
      for (; at < rowBytes; at += 4) rest += load<f32>(row + at);
      sum += <f64>rest;
    }
    store<f32>(ratesPtr + (<usize>b << 2), <f32>(sum * scale));
  }
}

/** ds[T][B][H] += slopes[B] */
export function addToRows(dsPtr: usize, slopesPtr: usize, timeCount: i32, batchCount: i32, channelCount: i32): void {
  const rowBytes = <usize>channelCount << 2;
  let row = dsPtr;
  for (let t = 0; t < timeCount; t++) {
    for (let b = 0; b < batchCount; b++) {
      const slope = v128.load32_splat(slopesPtr + (<usize>b << 2));
      let at: usize = 0;
      for (; at + 16 <= rowBytes; at += 16) v128.store(row + at, f32x4.add(v128.load(row + at), slope));
      for (; at < rowBytes; at += 4) store<f32>(row + at, load<f32>(row + at) + f32x4.extract_lane(slope, 0));
      row += rowBytes;
    }
  }
}
