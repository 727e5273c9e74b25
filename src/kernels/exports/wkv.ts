/**
 * Recurrence of RWKV-4, one step and over time; equations in assembly/wkv.ts. The calling convention is in
 * ../kernel-exports.ts. NaN stays in its channel and row of the batch. A k of infinity outweighs everything before and
 * after it (the limit of large k); where k is -infinity, v counts for nothing.
 */

export interface WkvKernels {
  /**
   * y[T][B][d] = wkv; states[T+1][B][3][d] <- aa, bb, pp before each step and after the last one, empty before the first;
   * k, v[T][B][d]; decay[d] = time_decay, first[d] = time_first. scratch: d floats.
   */
  wkvScanForward(
    yPtr: number,
    statesPtr: number,
    kPtr: number,
    vPtr: number,
    decayPtr: number,
    firstPtr: number,
    timeCount: number,
    batchCount: number,
    count: number,
    scratchPtr: number,
  ): void;
  /**
   * dk, dv[T][B][d] <- gradients by k and v; ddecay[d], dfirst[d] += theirs; from dy[T][B][d] and the states of the forward
   * pass. scratch: 2 d (1 + B) floats.
   */
  wkvScanBackward(
    dkPtr: number,
    dvPtr: number,
    ddecayPtr: number,
    dfirstPtr: number,
    dyPtr: number,
    statesPtr: number,
    kPtr: number,
    vPtr: number,
    decayPtr: number,
    firstPtr: number,
    timeCount: number,
    batchCount: number,
    count: number,
    scratchPtr: number,
  ): void;
  /** One step: y[d] = sigmoid(r) wkv; state[3][d] = aa, bb, pp, updated; r, k, v[d]; w[d] = -exp(time_decay); u[d]. */
  wkvStep(
    yPtr: number,
    statePtr: number,
    rPtr: number,
    kPtr: number,
    vPtr: number,
    wPtr: number,
    uPtr: number,
    count: number,
  ): void;
}
