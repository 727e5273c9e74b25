/** Everything the module exports; the calling convention is in ../kernel-exports.ts. */
export { packMatvec, matvecDense, matvecSparse } from './matvec';
export { packInt8, matvecInt8, matvecInt8Sparse } from './matvec-int8';
export { sigmoid, tanh, sigmoidBackward, tanhBackward } from './activations';
export {
  silu, siluBackward, gelu, geluBackward, softplus, softplusBackward, squaredRelu, squaredReluBackward,
} from './unit-activations';
export { add, multiply, multiplyAdd, accumulate, zero, fillRows, columnSums, sumOfSquares } from './elementwise';
export { copyColumns, addColumns } from './columns';
export { causalConv, causalConvBackward, causalConvStep } from './causal-conv';
export { packPanels, gemm } from './gemm';
export { touchPages } from './pages';
export { layerNorm, layerNormBackward, rmsNorm, rmsNormBackward } from './norms';
export { bandedAttention, bandedAttentionBackward } from './attention';
export { attentionStep } from './attention-step';
export { gruGates, gruScanForward, gruScanBackward } from './gru';
export { shiftMix, shiftMixBackward, shiftMixStep } from './shift-mix';
export { wkvScanForward, wkvScanBackward, wkvStep } from './wkv';
export { batchNorm, batchNormBackward, columnAffine } from './batch-norm';
export { glu, gluBackward, gluResidual } from './glu';
export { s4dScanForward, s4dScanBackward, s4dStep } from './s4d';
export { matvecSpikes, spikeRates, addToRows } from './spike-events';
export { lifScanForward, lifScanBackward, lifStep } from './lif';
export { refractoryScanForward, refractoryScanBackward, refractoryStep } from './refractory';
export { alifScanForward, alifScanBackward, alifStep } from './alif';
export { ilifScanForward, ilifScanBackward, ilifStep } from './ilif';
export { dropout, squaredError, adamw } from './training';
export { packDecays, selectiveScan, selectiveStep } from './selective-scan';
export { selectiveScanBackward } from './selective-scan-backward';
