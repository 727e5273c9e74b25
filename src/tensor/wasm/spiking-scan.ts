/** Spiking neurons over time: for each type one pair of kernel calls. */
import { neuronScratchCount } from '../../kernels/exports/lif.ts';
import type { Tensor } from '../engine.ts';
import { assertNeuronShapes, SURROGATES } from '../spiking-neuron.ts';
import type { SpikingNeuron } from '../spiking-neuron.ts';
import { claimGradient } from './recorder.ts';
import type { RecordedTensor, Recorder } from './recorder.ts';

/** Addresses and sizes of one scan. */
interface Scan {
  y: RecordedTensor;
  s: RecordedTensor;
  lnVth: RecordedTensor;
  /** Of `refractory` and `alif`, else lnVth. */
  own: RecordedTensor;
  membranePtr: number;
  tracePtr: number;
  /** Where the gradient by y goes. */
  dyPtr: number;
}

export function recordSpikingScan(
  recorder: Recorder,
  yTensor: Tensor,
  lnVthTensor: Tensor,
  neuron: SpikingNeuron,
): Tensor {
  assertNeuronShapes(yTensor, lnVthTensor, neuron);
  const { exports: k, arena } = recorder.kernels;
  const y = recorder.recorded(yTensor);
  const lnVth = recorder.recorded(lnVthTensor);
  const own = ownParameter(recorder, neuron) ?? lnVth;
  const [timeCount, batchCount, channelCount] = y.shape;
  const savedCount = timeCount * batchCount * 4 * Math.ceil(channelCount / 4);
  recorder.scratch.request(neuronScratchCount(timeCount));
  const scan: Scan = {
    y,
    s: recorder.create(y.shape, true),
    lnVth,
    own,
    membranePtr: arena.allocate(savedCount),
    tracePtr: neuron.type === 'alif' ? arena.allocate(savedCount) : 0,
    dyPtr: y.gradientPtr === 0 ? arena.allocate(y.count) : y.gradientPtr, // of data it goes nowhere
  };
  const bindBackward = (): (() => void) => {
    const fresh = [...new Set([lnVth, own])].filter((tensor) => claimGradient(tensor) === 0);
    const backward = bindNeuronBackward(recorder, scan, neuron, claimGradient(y));
    return () => {
      for (const tensor of fresh) k.zero(tensor.gradientPtr, tensor.count);
      backward();
    };
  };
  recorder.push({ forward: bindNeuronForward(recorder, scan, neuron), bindBackward });
  return scan.s;
}

function ownParameter(recorder: Recorder, neuron: SpikingNeuron): RecordedTensor | undefined {
  if (neuron.type === 'refractory') return recorder.recorded(neuron.lnMagnitude);
  if (neuron.type === 'alif') return recorder.recorded(neuron.lnRho);
  return undefined;
}

function bindNeuronForward(recorder: Recorder, scan: Scan, neuron: SpikingNeuron): () => void {
  const { exports: k } = recorder.kernels;
  const { scratch } = recorder;
  const { y, s, lnVth, own, membranePtr: u, tracePtr: a } = scan;
  const [T, B, H] = y.shape;
  const { decay } = neuron;
  switch (neuron.type) {
    case 'lif':
      return () => {
        k.lifScanForward(s.ptr, u, y.ptr, lnVth.ptr, T, B, H, decay, scratch.ptr);
      };
    case 'refractory': {
      const { traceDecay } = neuron;
      return () => {
        k.refractoryScanForward(
          ...([s.ptr, u, y.ptr, lnVth.ptr, own.ptr] as const),
          ...([T, B, H, decay, traceDecay, scratch.ptr] as const),
        );
      };
    }
    case 'alif': {
      const { adaptation } = neuron;
      return () => {
        k.alifScanForward(
          ...([s.ptr, u, a, y.ptr, lnVth.ptr, own.ptr] as const),
          ...([T, B, H, decay, adaptation, scratch.ptr] as const),
        );
      };
    }
    case 'ilif': {
      const { levelCount } = neuron;
      return () => {
        k.ilifScanForward(s.ptr, u, y.ptr, lnVth.ptr, T, B, H, decay, levelCount, scratch.ptr);
      };
    }
  }
}

function bindNeuronBackward(recorder: Recorder, scan: Scan, neuron: SpikingNeuron, addY: number): () => void {
  const { exports: k } = recorder.kernels;
  const { scratch } = recorder;
  const { s, lnVth, own, membranePtr: u, tracePtr: a, dyPtr } = scan;
  const [T, B, H] = scan.y.shape;
  const { decay } = neuron;
  const ds = s.gradientPtr;
  const dlnVth = lnVth.gradientPtr;
  if (neuron.type === 'ilif') {
    const { levelCount } = neuron;
    return () => {
      k.ilifScanBackward(
        ...([dyPtr, dlnVth, ds, u, lnVth.ptr] as const),
        ...([T, B, H, decay, levelCount, addY, scratch.ptr] as const),
      );
    };
  }
  const shape = SURROGATES.indexOf(neuron.surrogate.shape);
  const { sharpness } = neuron.surrogate;
  switch (neuron.type) {
    case 'lif':
      return () => {
        k.lifScanBackward(
          ...([dyPtr, dlnVth, ds, u, lnVth.ptr] as const),
          ...([T, B, H, decay, shape, sharpness, addY, scratch.ptr] as const),
        );
      };
    case 'refractory': {
      const { traceDecay } = neuron;
      return () => {
        k.refractoryScanBackward(
          ...([dyPtr, dlnVth, own.gradientPtr, ds, u, lnVth.ptr, own.ptr] as const),
          ...([T, B, H, decay, traceDecay, shape, sharpness, addY, scratch.ptr] as const),
        );
      };
    }
    case 'alif': {
      const { adaptation } = neuron;
      return () => {
        k.alifScanBackward(
          ...([dyPtr, dlnVth, own.gradientPtr, ds, u, a, lnVth.ptr, own.ptr] as const),
          ...([T, B, H, decay, adaptation, shape, sharpness, addY, scratch.ptr] as const),
        );
      };
    }
  }
}
