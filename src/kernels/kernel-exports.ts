/**
 * The kernels' calling convention: what `assembly/` exports, and what `reference/` writes out in plain loops.
 *
 * Every `...Ptr` is a byte offset into the linear memory, a multiple of 4 (multiples of 64, as the arena gives, are
 * fastest); every count is in elements and may be 0; arguments go outputs, inputs, sizes, scratch. Outputs do not
 * overlap inputs unless said otherwise. Kernels keep no state of their own: scratch is an argument, so instances never
 * share anything hidden. Its contents do not matter.
 *
 * NaN and infinity: they propagate as in plain IEEE arithmetic (zero times infinity is NaN, also for the zero rows that
 * pad a packed matrix and for time steps of zero weight), except where a kernel leaves an element out:
 * `matvecSparse` (a zero input contributes nothing, whatever its weights) and `dropout` (a dropped element is 0, whatever
 * it was).
 */

/** Floats of scratch that `gemm` needs for any size: a packed block of 48 x 256 and one spilled 4 x 8 tile. */
export const GEMM_SCRATCH_COUNT = 48 * 256 + 4 * 8;

export interface KernelExports {
  // --- streaming ---------------------------------------------------------------------------------------------
  /** packed[ceil(rows/24)][cols][24] <- w[rows][cols], padded with zeros. */
  packMatvec(packedPtr: number, wPtr: number, rows: number, cols: number): void;
  /** y[ceil24(rows)] = bias[ceil24(rows)] + W x[cols]; W packed by packMatvec. ceil24: up to a multiple of 24. */
  matvecDense(
    yPtr: number,
    packedPtr: number,
    xPtr: number,
    biasPtr: number,
    rows: number,
    cols: number,
  ): void;
  /** The same, skipping columns whose input is zero. scratch: cols int32. */
  matvecSparse(
    yPtr: number,
    packedPtr: number,
    xPtr: number,
    biasPtr: number,
    rows: number,
    cols: number,
    scratchPtr: number,
  ): void;
  /** h[H] <- GRU update of h from gi[3H] (input part) and gh[3H] (recurrent part), PyTorch's gate order r, z, n. */
  gruGates(hPtr: number, giPtr: number, ghPtr: number, hiddenCount: number): void;

  // --- elementwise -------------------------------------------------------------------------------------------
  /** y = 1 / (1 + exp(-x)); may be in place. Error bound: see assembly/activations.ts. */
  sigmoid(yPtr: number, xPtr: number, count: number): void;
  /** y = tanh(x); may be in place. */
  tanh(yPtr: number, xPtr: number, count: number): void;
  /** dx += dy y (1 - y) */
  sigmoidBackward(dxPtr: number, dyPtr: number, yPtr: number, count: number): void;
  /** dx += dy (1 - y^2) */
  tanhBackward(dxPtr: number, dyPtr: number, yPtr: number, count: number): void;
  /** y = a + b; may be in place. */
  add(yPtr: number, aPtr: number, bPtr: number, count: number): void;
  /** y = a b; may be in place. */
  multiply(yPtr: number, aPtr: number, bPtr: number, count: number): void;
  /** y += a b */
  multiplyAdd(yPtr: number, aPtr: number, bPtr: number, count: number): void;
  /** y += x */
  accumulate(yPtr: number, xPtr: number, count: number): void;
  /** y = 0 */
  zero(yPtr: number, count: number): void;

  // --- matrices ----------------------------------------------------------------------------------------------
  /**
   * packed[ceil(n/8)][k][8] <- b, where b(k, n) lies at bPtr + 4 (k rowStride + n columnStride); padded with zeros.
   */
  packPanels(
    packedPtr: number,
    bPtr: number,
    rowStride: number,
    columnStride: number,
    k: number,
    n: number,
  ): void;
  /**
   * c[m][n] (row stride ldc) = a b, or += with accumulate = 1. a(i, k) lies at aPtr + 4 (i aRowStride + k aColumnStride);
   * b packed by packPanels. scratch: GEMM_SCRATCH_COUNT floats.
   */
  gemm(
    cPtr: number,
    ldc: number,
    aPtr: number,
    aRowStride: number,
    aColumnStride: number,
    packedPtr: number,
    m: number,
    n: number,
    k: number,
    accumulate: number,
    scratchPtr: number,
  ): void;
  /** y[rows][cols] = bias[cols] in every row. */
  fillRows(yPtr: number, biasPtr: number, rows: number, cols: number): void;
  /** out[cols] += sum over rows of x[rows][cols]. */
  columnSums(outPtr: number, xPtr: number, rows: number, cols: number): void;

  // --- GRU over time -----------------------------------------------------------------------------------------
  /**
   * h[T+1][B][H], h[0] given (zeros); gates[T][B][4H] <- r, z, n, and the recurrent part of n before the reset gate;
   * gi[T][B][3H]. packed: packPanels of W_hh^T (k = H, n = 3H). scratch: B 3H + GEMM_SCRATCH_COUNT floats.
   */
  gruScanForward(
    hPtr: number,
    gatesPtr: number,
    giPtr: number,
    packedPtr: number,
    biasPtr: number,
    timeCount: number,
    batchCount: number,
    hiddenCount: number,
    scratchPtr: number,
  ): void;
  /**
   * dgi[T][B][3H] <- gradient by gi; dgh[T][B][3H] <- gradient by W_hh h + b_hh; from dh[T][B][H], gradient by the
   * outputs. packed: packPanels of W_hh (k = 3H, n = H). scratch: B H + GEMM_SCRATCH_COUNT floats.
   */
  gruScanBackward(
    dgiPtr: number,
    dghPtr: number,
    dhPtr: number,
    hPtr: number,
    gatesPtr: number,
    packedPtr: number,
    timeCount: number,
    batchCount: number,
    hiddenCount: number,
    scratchPtr: number,
  ): void;

  // --- training pieces ---------------------------------------------------------------------------------------
  /**
   * y[rows][cols] = x or 0: element (i, j) is kept when hash32(seed, step, firstIndex + i indexStride + j) < keepBelow
   * (unsigned), and scaled. In the backward pass the same call with gradients. accumulate = 1 adds instead.
   */
  dropout(
    yPtr: number,
    xPtr: number,
    rows: number,
    cols: number,
    firstIndex: number,
    indexStride: number,
    seed: number,
    step: number,
    keepBelow: number,
    scale: number,
    accumulate: number,
  ): void;
  /**
   * Returns scale sum_t weight[t] sum (p - y)^2 over p, y [T][rowCount]; dp[T][rowCount] = 2 scale weight[t] (p - y).
   */
  squaredError(
    dpPtr: number,
    pPtr: number,
    yPtr: number,
    weightPtr: number,
    timeCount: number,
    rowCount: number,
    scale: number,
  ): number;
  /** Sum of squares, accumulated in float64. */
  sumOfSquares(xPtr: number, count: number): number;
  /**
   * AdamW (Loshchilov and Hutter 2019, PyTorch's form): gradient times gradientScale, decoupled weight decay,
   * corrections = 1 - beta^step.
   */
  adamw(
    parameterPtr: number,
    gradientPtr: number,
    firstMomentPtr: number,
    secondMomentPtr: number,
    count: number,
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    weightDecay: number,
    correction1: number,
    correction2: number,
    gradientScale: number,
  ): void;
}
