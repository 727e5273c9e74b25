/** The differentiable sequence form. */
import type { Operations, Tensor } from '../../tensor/engine.ts';
import type { SpikingNeuron } from '../../tensor/spiking-neuron.ts';
import type { SequenceForm } from '../decoder.ts';
import { layerNames } from './spiking-ssm.ts';
import type { LayerNames, SpikingSsmConfig } from './spiking-ssm.ts';

type Parameters = Readonly<Record<string, Tensor>>;

/** @param input [T, B, I] */
export function spikingSsmSequence(
  ops: Operations,
  config: SpikingSsmConfig,
  parameters: Parameters,
  input: Tensor,
): SequenceForm {
  const penalties: Tensor[] = [];
  let x = ops.dropout(input, config.inputDropout, 1);
  x = ops.linear(x, parameters['embedding.weight'], parameters['embedding.bias']); // [T, B, H]
  for (let layer = 0; layer < config.layerCount; layer++) {
    const names = layerNames(layer);
    const y = ops.s4dScan(x, {
      logDt: parameters[names.logDt],
      logAReal: parameters[names.logAReal],
      aImag: parameters[names.aImag],
      c: parameters[names.c],
      d: parameters[names.d],
    }); // [T, B, H]
    const s = ops.spikingScan(y, parameters[names.lnVth], neuronOf(config, parameters, names)); // [T, B, H]
    penalties.push(ops.spikeRatePenalty(s, config.targetRate, config.ratePenalty));
    const spikes = ops.dropout(s, config.layerDropout, 2 + layer);
    const m = ops.linear(spikes, parameters[names.mixWeight], parameters[names.mixBias]); // [T, B, 2H]
    x = ops.batchNorm(ops.add(x, ops.glu(m)), {
      gain: parameters[names.gain],
      bias: parameters[names.bias],
      runningMean: parameters[names.runningMean],
      runningVariance: parameters[names.runningVariance],
    });
  }
  const output = ops.linear(x, parameters['readout.weight'], parameters['readout.bias']); // [T, B, O]
  return { output, penalties };
}

function neuronOf(config: SpikingSsmConfig, parameters: Parameters, names: LayerNames): SpikingNeuron {
  const { neuron: type, membraneDecay: decay, traceDecay, adaptation, levelCount } = config;
  const surrogate = { shape: config.surrogate, sharpness: config.surrogateSharpness };
  switch (type) {
    case 'lif':
      return { type, decay, surrogate };
    case 'refractory':
      return { type, decay, traceDecay, lnMagnitude: parameters[names.lnMagnitude], surrogate };
    case 'alif':
      return { type, decay, adaptation, lnRho: parameters[names.lnRho], surrogate };
    case 'ilif':
      return { type, decay, levelCount };
  }
}
