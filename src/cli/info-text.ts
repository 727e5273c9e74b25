/** What `betz info` tells people. */
import { describeDrift } from '../calibration/drift/model-drift.ts';
import type { OperationCounts } from '../calibration/count-operations.ts';
import type { MapAccount, ScalarOperations } from '../decoders/account.ts';
import type { Model } from '../decoders/decoder.ts';
import type { ModelAccount } from '../decoders/model-account.ts';
import { lagText } from './metrics-text.ts';
import { lagOf } from './open-data.ts';

export interface ModelInfo {
  model: Model;
  account: ModelAccount;
  stateBytes: number;
  /** Of a pretrained model. */
  readIn?: { latents: number; otherSessions: readonly string[] } | undefined;
  /** Where a recording was given. */
  measured?: MeasuredCost;
}

export interface MeasuredCost {
  recording: string;
  counts: OperationCounts;
  /** Estimates per step, picojoules. */
  energyPj: { maps: number; stateUpdates: number };
}

const NAME_WIDTH = 22;
const PJ_PER_NJ = 1000;

export function infoText({ model, account, stateBytes, readIn, measured }: ModelInfo): string[] {
  const { features, output, shape, binMs } = model;
  const smoothing = features.smoothing > 0 ? `, smoothed by ${features.smoothing}` : '';
  return [
    entry('decoder', `${model.kind}, ${account.precision}`),
    entry('input', `${shape.inputCount} channels, bins of ${binMs} ms${smoothing}`),
    ...(readIn === undefined ? [] : [entry('read-in', readInText(readIn))]),
    entry('drift reference', driftText(model)),
    entry('output', `${output.name} ${output.labels.join(', ')} in ${output.unit}${lagText(lagOf(model))}`),
    entry('config', pairs(model.config)),
    entry('made', pairs(model.provenance)),
    '',
    entry('parameters', whole(account.parameterCount)),
    entry('bytes', bytesText(account)),
    entry('state', `${whole(stateBytes)} bytes`),
    entry('zero weights', percent(account.connectionSparsity)),
    '',
    'One step:',
    entry('dense operations', `${whole(account.denseOperations)} products of an input and a weight`),
    ...account.maps.map((map) => entry(`  ${map.rows} x ${map.cols}`, `${map.name}, of ${inputsText(map)}`)),
    entry('state updates', `${scalarText(account.stateUpdateTotal)} beside them`),
    ...account.stateUpdates.map((update) => entry(`  ${update.name}`, scalarText(update))),
    ...(measured === undefined ? [] : ['', ...measuredText(measured, account)]),
  ];
}

function readInText({ latents, otherSessions }: NonNullable<ModelInfo['readIn']>): string {
  const others = otherSessions.length === 0 ? '' : `, also for ${otherSessions.join('; ')}`;
  return `to ${latents} latents of a shared core${others}`;
}

function driftText(model: Model): string {
  const drift = describeDrift(model);
  if (drift === null) return 'none: sessions do not watch for drift';
  const { blockCount, windowS, threshold } = drift;
  return `${blockCount} blocks of calibration data, window of ${Number(windowS.toFixed(1))} s, threshold ${threshold.toFixed(2)}`;
}

function measuredText(
  { recording, counts, energyPj }: MeasuredCost,
  { denseOperations }: ModelAccount,
): string[] {
  const { effectiveMacs, effectiveAcs, countMacs, activationSparsity, spikeRate } = counts;
  const share = percent((effectiveMacs + effectiveAcs) / denseOperations);
  return [
    `One step on ${recording}, mean of ${counts.binCount} bins (the last 20 %):`,
    entry(
      'effective MACs',
      `${whole(effectiveMacs)}, of which ${whole(countMacs)} have a spike count as input`,
    ),
    entry('effective ACs', whole(effectiveAcs)),
    entry('of the dense', share),
    entry('activation sparsity', percent(activationSparsity)),
    ...(spikeRate === null ? [] : [entry('spike rate', `${percent(spikeRate)} of neurons and bins`)]),
    entry(
      'energy, an estimate',
      `${nanojoules(energyPj.maps)} nJ, and ${nanojoules(energyPj.stateUpdates)} nJ for state updates` +
        ' (float32 in 45 nm: 4.6 pJ per MAC, 0.9 pJ per AC)',
    ),
  ];
}

function entry(name: string, text: string): string {
  return `${name.padEnd(NAME_WIDTH)}${text}`;
}

/** What has a short value; lists and nested objects are for --json. */
function pairs(values: Model['config']): string {
  const texts = Object.entries(values).flatMap(([name, value]) => {
    if (typeof value === 'string' || typeof value === 'boolean') return [`${name} ${value}`];
    if (typeof value === 'number')
      return [`${name} ${Number.isInteger(value) ? value : Number(value.toPrecision(4))}`];
    return [];
  });
  return texts.length === 0 ? '-' : texts.join(', ');
}

function bytesText({ float32Bytes, int8Bytes }: ModelAccount): string {
  const int8 = int8Bytes === null ? 'no int8 form' : `${whole(int8Bytes)} in int8`;
  return `${whole(float32Bytes)} in float32, ${int8}`;
}

function inputsText({ inputs }: MapAccount): string {
  return {
    counts: 'spike counts',
    spikes: 'spikes',
    activations: 'activations',
    history: 'the last bins of each channel',
    real: 'real values',
  }[inputs];
}

function scalarText({ multiplications, additions, functions }: ScalarOperations): string {
  return `${whole(multiplications)} multiplications, ${whole(additions)} additions, ${whole(functions)} functions`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function nanojoules(pj: number): string {
  return String(Number((pj / PJ_PER_NJ).toPrecision(3)));
}
