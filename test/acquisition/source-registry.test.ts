import { describe, expect, it } from 'vitest';
import { BetzError } from '../../src/core/errors.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { createSource, sourceKindNames } from '../../src/acquisition/source-registry.ts';

function errorOf(action: () => unknown): BetzError {
  try {
    action();
  } catch (error) {
    if (error instanceof BetzError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const clock = new FakeClock();

describe('source registry', () => {
  it('knows its kinds by name', () => {
    expect(sourceKindNames).toEqual(['simulated', 'replay']);
  });

  it('makes a source with every setting left out', async () => {
    const info = await createSource('simulated', {}, { clock }).open();
    expect(info).toMatchObject({ sampleRateHz: 1000, clockDomain: 'simulated', maxFramesPerChunk: 5 });
    expect(info.channels).toHaveLength(96);
  });

  it('names the kinds there are when asked for another', () => {
    const error = errorOf(() => createSource('simulatd', {}, { clock }));
    expect(error).toMatchObject({ code: 'CFG_SOURCE_UNKNOWN', value: 'simulatd' });
    expect(error.tip).toContain('simulated, replay');
  });

  it.each([
    ['simulated', { chunkMs: 0 }, 'chunkMs', 0],
    ['simulated', { array: { channelCount: 1.5 } }, 'array.channelCount', 1.5],
    ['simulated', { array: { tuning: { silentFraction: 2 } } }, 'array.tuning.silentFraction', 2],
    ['simulated', { array: { reaching: { workspaceM: 0.1, reachMinM: 0.06 } } }, 'reachMinM', 0.06],
    ['simulated', { speed: 'fast' }, 'speed', 'fast'],
    ['simulated', { speed: -1 }, 'speed', -1],
    ['simulated', { array: { seed: 1, sed: 2 } }, 'array', 'fields seed, sed'],
    ['simulated', undefined, 'config', undefined],
    ['replay', {}, 'recording', undefined],
    ['replay', { recording: { features: new Float32Array(3) } }, 'recording', undefined],
  ])('says what is wrong in the config of %s: %o', (kind, config, field, value) => {
    const error = errorOf(() => createSource(kind, config, { clock }));
    expect(error.code).toBe('CFG_SOURCE_CONFIG');
    expect(error.message).toContain(field);
    expect(error.tip).toContain(field);
    expect(error.value).toEqual(value);
  });
});
