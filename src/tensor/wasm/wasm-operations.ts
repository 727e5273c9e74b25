/** Every operation on the wasm engine: one line each, what it does is in the files beside this one. */
import type { Operations } from '../engine.ts';
import { recordBandedAttention } from './banded-attention.ts';
import { recordCausalConv } from './causal-conv.ts';
import { recordBatchNorm } from './batch-norm.ts';
import { recordDropout } from './dropout.ts';
import { recordActivation, recordAdd, recordMultiply } from './elementwise.ts';
import { recordGlu } from './glu.ts';
import { recordGruScan } from './gru-scan.ts';
import { recordJoinBatch } from './join-batch.ts';
import { recordLinear } from './linear.ts';
import { recordSquaredError } from './loss.ts';
import { recordLayerNorm, recordRmsNorm } from './norms.ts';
import type { Recorder } from './recorder.ts';
import { recordShiftMix } from './shift-mix.ts';
import { recordSelectiveScan } from './selective-scan.ts';
import { recordSlice } from './slice.ts';
import { recordWkvScan } from './wkv-scan.ts';
import { recordS4dScan } from './s4d-scan.ts';
import { recordSpikeRatePenalty } from './spike-rate-penalty.ts';
import { recordSpikingScan } from './spiking-scan.ts';

export function createWasmOperations(recorder: Recorder): Operations {
  return {
    input(name, shape) {
      const tensor = recorder.create(shape, false);
      recorder.inputs.set(name, tensor);
      return tensor;
    },
    parameter(name, shape) {
      const tensor = recorder.create(shape, true);
      recorder.parameters.set(name, tensor);
      return tensor;
    },
    linear: (x, weight, bias) => recordLinear(recorder, x, weight, bias),
    gruScan: (gateInputs, weightHh, biasHh) => recordGruScan(recorder, gateInputs, weightHh, biasHh),
    bandedAttention: (qkv, headCount, windowBins) =>
      recordBandedAttention(recorder, qkv, headCount, windowBins),
    shiftMix: (x, mu) => recordShiftMix(recorder, x, mu),
    wkvScan: (key, value, decay, first) => recordWkvScan(recorder, key, value, decay, first),
    causalConv: (x, weight, bias) => recordCausalConv(recorder, x, weight, bias),
    selectiveScan: (x, dt, aLog, b, c, skip) => recordSelectiveScan(recorder, { x, dt, aLog, b, c, skip }),
    dropout: (x, rate, salt) => recordDropout(recorder, x, rate, salt),
    layerNorm: (x, gain, bias) => recordLayerNorm(recorder, x, gain, bias),
    rmsNorm: (x, gain) => recordRmsNorm(recorder, x, gain),
    batchNorm: (x, tensors) => recordBatchNorm(recorder, x, tensors),
    glu: (x) => recordGlu(recorder, x),
    s4dScan: (u, tensors) => recordS4dScan(recorder, u, tensors),
    spikingScan: (y, lnVth, neuron) => recordSpikingScan(recorder, y, lnVth, neuron),
    spikeRatePenalty: (s, targetRate, weight) => recordSpikeRatePenalty(recorder, s, targetRate, weight),
    joinBatch: (tensors) => (tensors.length === 1 ? tensors[0] : recordJoinBatch(recorder, tensors)),
    slice: (x, start, count) => recordSlice(recorder, x, start, count),
    sigmoid: (x) => recordActivation(recorder, x, 'sigmoid'),
    tanh: (x) => recordActivation(recorder, x, 'tanh'),
    silu: (x) => recordActivation(recorder, x, 'silu'),
    gelu: (x) => recordActivation(recorder, x, 'gelu'),
    softplus: (x) => recordActivation(recorder, x, 'softplus'),
    squaredRelu: (x) => recordActivation(recorder, x, 'squaredRelu'),
    add: (a, b) => recordAdd(recorder, a, b),
    multiply: (a, b) => recordMultiply(recorder, a, b),
    squaredError: (prediction, target, weight) => recordSquaredError(recorder, prediction, target, weight),
  };
}
