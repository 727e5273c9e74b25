/** Every kind that is trained by gradient against PyTorch: two golden files each, tools/golden/KIND.py. */
import { describeDecoderGolden } from '../compliance/golden.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { transformer } from '../../src/decoders/transformer/index.ts';

describeDecoderGolden(gru, 'gru-1');
describeDecoderGolden(gru, 'gru-2');
describeDecoderGolden(transformer, 'transformer-1');
describeDecoderGolden(transformer, 'transformer-2');
import { rwkv } from '../../src/decoders/rwkv/index.ts';

describeDecoderGolden(gru, 'gru-1');
describeDecoderGolden(gru, 'gru-2');
describeDecoderGolden(rwkv, 'rwkv-1');
describeDecoderGolden(rwkv, 'rwkv-2');
import { mamba } from '../../src/decoders/mamba/index.ts';

describeDecoderGolden(gru, 'gru-1');
describeDecoderGolden(gru, 'gru-2');

describeDecoderGolden(mamba, 'mamba-1');
describeDecoderGolden(mamba, 'mamba-2');
