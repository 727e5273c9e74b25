/** Every kind that is trained by gradient against PyTorch: golden files of several configs each, tools/golden/KIND.py. */
import { gru } from '../../src/decoders/gru/index.ts';
import { mamba } from '../../src/decoders/mamba/index.ts';
import { rwkv } from '../../src/decoders/rwkv/index.ts';
import { spikingSsm } from '../../src/decoders/spiking-ssm/index.ts';
import { transformer } from '../../src/decoders/transformer/index.ts';
import { describeDecoderGolden } from '../compliance/golden.ts';

describeDecoderGolden(gru, 'gru-1');
describeDecoderGolden(gru, 'gru-2');
describeDecoderGolden(transformer, 'transformer-1');
describeDecoderGolden(transformer, 'transformer-2');
describeDecoderGolden(rwkv, 'rwkv-1');
describeDecoderGolden(rwkv, 'rwkv-2');
describeDecoderGolden(mamba, 'mamba-1');
describeDecoderGolden(mamba, 'mamba-2');
// Batch norm takes out what moves all rows alike, so gradients by what lies before it are small differences of sums.
for (const neuron of ['lif', 'refractory', 'alif', 'ilif'])
  describeDecoderGolden(spikingSsm, `spiking-ssm-${neuron}`, { gradient: 2e-5 });
