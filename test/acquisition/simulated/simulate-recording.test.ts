import { describe, expect, it } from 'vitest';
import { simulatedArrayConfig } from '../../../src/acquisition/simulated/array-config.ts';
import { SimulatedArray } from '../../../src/acquisition/simulated/simulated-array.ts';
import { frameAfter, simulateRecording } from '../../../src/acquisition/simulated/simulate-recording.ts';
import { createBlock } from '../../../src/signal/block.ts';
import { Binning } from '../../../src/signal/binning.ts';

/** Mean rates over two minutes, ascending. */
function ratesHz(seed: number): number[] {
  const { features, binCount } = simulateRecording({ seed }, 120, 20);
  const sums = new Float64Array(96);
  for (let i = 0; i < features.length; i++) sums[i % 96] += features[i];
  return [...sums.map((sum) => sum / (binCount * 0.02))].sort((a, b) => a - b);
}

describe('simulateRecording', () => {
  it('has realistic rates: median near 7 Hz, some silent channels, a few near 50 Hz', () => {
    const medians: number[] = [];
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const rates = ratesHz(seed);
      medians.push(rates[48]);
      expect(rates[48]).toBeGreaterThan(4.5);
      expect(rates[48]).toBeLessThan(10);
      const silent = rates.filter((rate) => rate === 0).length;
      expect(silent).toBeGreaterThanOrEqual(1);
      expect(silent).toBeLessThanOrEqual(14);
      const fast = rates.filter((rate) => rate > 35).length;
      expect(fast).toBeGreaterThanOrEqual(1);
      expect(fast).toBeLessThanOrEqual(10);
      expect(rates[95]).toBeGreaterThan(40);
      expect(rates[95]).toBeLessThan(80);
    }
    const mean = medians.reduce((sum, m) => sum + m, 0) / medians.length;
    expect(Math.abs(mean - 7)).toBeLessThan(0.7);
  });

  it('is a recording of hand velocity in m/s, in one piece', () => {
    const recording = simulateRecording({ seed: 3, day: 2, channelCount: 4 }, 2, 20);
    expect(recording).toMatchObject({
      name: 'simulated array, seed 3, day 2',
      binMs: 20,
      binCount: 100,
      target: { name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' },
      segments: [{ startBin: 0, endBin: 100 }],
    });
    expect(recording.channels.map(({ label }) => label)).toEqual([1, 2, 3, 4].map((n) => `electrode ${n}`));
    expect(recording.features).toHaveLength(400);
    expect(recording.target.values).toHaveLength(200);
  });

  it('leaves out a last bin that is not whole', () => {
    expect(simulateRecording({ channelCount: 1 }, 1.05, 20).binCount).toBe(52);
  });

  it('is what the streaming binning makes of the live frames', () => {
    const options = { seed: 8, channelCount: 7 };
    const recording = simulateRecording(options, 3, 30, 1234);
    const array = new SimulatedArray(simulatedArrayConfig.parse(options), 1234);
    const shape = { channelCount: 7, truthCount: 2, maxRows: 3000, rowMs: 1 };
    const binning = new Binning(30);
    const output = createBlock(binning.prepare(shape));
    const input = createBlock(shape);
    array.read(3000, input.samples, input.truth);
    input.rowCount = 3000;
    for (let row = 0; row < 3000; row++) input.firstFrame[row] = input.lastFrame[row] = row;
    binning.process(input, output);
    expect(output.rowCount).toBe(recording.binCount);
    expect(output.samples.slice(0, recording.features.length)).toEqual(recording.features);
    expect(output.truth.slice(0, recording.target.values.length)).toEqual(recording.target.values);
  });

  it('goes on where another stretch ended', () => {
    const whole = simulateRecording({ channelCount: 3 }, 4, 20);
    const second = simulateRecording({ channelCount: 3 }, 2, 20, frameAfter(2));
    expect(second.features).toEqual(whole.features.slice(300));
    expect(second.target.values).toEqual(whole.target.values.slice(200));
  });

  it.each([
    [10, 2.5, 'CFG_SIMULATION_BIN_WIDTH', 2.5],
    [10, 0, 'CFG_SIMULATION_BIN_WIDTH', 0],
    [10, Number.NaN, 'CFG_SIMULATION_BIN_WIDTH', Number.NaN],
    [0.019, 20, 'CFG_SIMULATION_LENGTH', 0.019],
    [-1, 20, 'CFG_SIMULATION_LENGTH', -1],
    [1e9, 20, 'CFG_SIMULATION_LENGTH', 1e9],
    [Number.NaN, 20, 'CFG_SIMULATION_LENGTH', Number.NaN],
  ])('refuses %d s in bins of %d ms', (seconds, binMs, code, value) => {
    expect(() => simulateRecording({}, seconds, binMs)).toThrow(expect.objectContaining({ code, value }));
  });

  it('refuses settings out of range, naming them', () => {
    expect(() => simulateRecording({ day: -1 }, 10, 20)).toThrow(
      expect.objectContaining({ code: 'CFG_SOURCE_CONFIG', value: -1 }),
    );
  });
});
