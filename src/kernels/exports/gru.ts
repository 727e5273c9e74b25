/** The GRU, one step and over time. The calling convention is in ../kernel-exports.ts. */

export interface GruKernels {
  /** h[H] <- GRU update of h from gi[3H] (input part) and gh[3H] (recurrent part), PyTorch's gate order r, z, n. */
  gruGates(hPtr: number, giPtr: number, ghPtr: number, hiddenCount: number): void;
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
}
