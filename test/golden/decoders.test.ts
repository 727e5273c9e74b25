/** Every kind that is trained by gradient against PyTorch: two golden files each, tools/golden/KIND.py. */
import { describeDecoderGolden } from '../compliance/golden.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { spikingSsm } from '../../src/decoders/spiking-ssm/index.ts';

describeDecoderGolden(gru, 'gru-1');
describeDecoderGolden(gru, 'gru-2');

// Batch norm takes out what moves all rows alike, so gradients by what lies before it are small differences of sums.
for (const neuron of ['lif', 'refractory', 'alif', 'ilif'])
  describeDecoderGolden(spikingSsm, `spiking-ssm-${neuron}`, { gradient: 2e-5 });
