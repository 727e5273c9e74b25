import { describe, expect, it } from 'vitest';
import { closedFormSubjects } from '../../src/bench/closed-form-subjects.ts';
import { gradientSubjects } from '../../src/bench/gradient-subjects.ts';
import { benchLatency } from '../../src/bench/latency.ts';
import { decoderKinds } from '../../src/decoders/registry.ts';
import type { BenchSubject, LatencyBenchOptions } from '../../src/bench/latency.ts';
import type { Decoder } from '../../src/decoders/decoder.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

const TINY: LatencyBenchOptions = {
  inputCount: 6,
  hiddenCounts: [4, 9],
  spikeRate: 0.15,
  warmStepCount: 20,
  pacedSeconds: 0.003,
  binMs: 1,
  seed: 1,
};

/** A GRU with another step. @param change makes it from the decoder's own @param extra members */
function altered(change: (decoder: Decoder) => Decoder['step'], extra: Partial<Decoder> = {}): BenchSubject {
  const [subject] = gradientSubjects(TINY);
  const { kind } = subject;
  return {
    ...subject,
    kind: {
      ...kind,
      createDecoder: (model, kernels) => {
        const decoder = kind.createDecoder(model, kernels);
        const { inputCount, outputCount, stateBytes } = decoder;
        return {
          inputCount,
          outputCount,
          stateBytes,
          ...extra,
          step: change(decoder),
          reset: () => {
            decoder.reset();
          },
          saveState: (into) => {
            decoder.saveState(into);
          },
          loadState: (from) => {
            decoder.loadState(from);
          },
        };
      },
    },
  };
}

const GRADIENT_KINDS = decoderKinds.filter(({ training }) => training === 'gradient').map(({ name }) => name);

describe('latency bench', () => {
  it('times every decoder that equals its reference: GRUs of several sizes, one of every other kind, in int8 too', () => {
    const lines: string[] = [];
    const subjects = [...gradientSubjects(TINY), ...closedFormSubjects(TINY)];
    const rows = benchLatency(subjects, { ...TINY, onProgress: (line) => lines.push(line) });
    const names = rows.map(({ decoder, size, precision }) => `${decoder} ${size} ${precision}`);
    const gradient = [
      'gru 6-4',
      'gru 6-9',
      ...GRADIENT_KINDS.filter((name) => name !== 'gru').map((name) => `${name} 6-128`),
    ];
    expect(names).toEqual([
      ...gradient.flatMap((name) => [`${name} float32`, `${name} int8`]),
      'wiener 6 float32',
      'kalman 6 float32',
    ]);
    expect(lines).toEqual(names);
    for (const { referenceError, precision, warmUs, pacedUs, pacedWarmedUs } of rows) {
      expect(referenceError).toBeGreaterThan(0); // float32 against float64
      expect(referenceError).toBeLessThan(precision === 'int8' ? 5e-4 : 1e-4);
      expect([warmUs.count, pacedUs.count, pacedWarmedUs.count]).toEqual([20, 3, 3]);
    }
  });

  it.each([
    ['an output that is a little off', (value: number) => value * 1.01],
    ['NaN', () => Number.NaN],
  ])('does not time a decoder that gives %s', (_what, change) => {
    let stepCount = 0;
    const subject = altered((decoder) => (features, output) => {
      stepCount++;
      decoder.step(features, output);
      output[1] = change(output[1]);
    });
    const error = betzErrorOf(() => benchLatency([subject], TINY));
    expect(error.code).toBe('DEC_REFERENCE_MISMATCH');
    expect(stepCount).toBe(200); // those that are compared, and none to time
  });

  it('does not time a decoder that forgets', () => {
    const subject = altered((decoder) => (features, output) => {
      decoder.reset();
      decoder.step(features, output);
    });
    expect(betzErrorOf(() => benchLatency([subject], TINY)).code).toBe('DEC_REFERENCE_MISMATCH');
  });

  it('times a spiking decoder that differs in some short runs, as rounding makes it, and not one that differs in all', () => {
    let bin = 0;
    const differing = (isWrong: (bin: number) => boolean): BenchSubject => {
      bin = 0;
      return altered(
        (decoder) => (features, output) => {
          decoder.step(features, output);
          if (isWrong(bin++)) output[0] += 1;
        },
        { spikeRate: 0.1 },
      );
    };
    expect(benchLatency([differing((b) => b >= 60 && b < 90)], TINY)).toHaveLength(1); // 3 runs of 20
    const error = betzErrorOf(() => benchLatency([differing((b) => b % 10 === 9)], TINY));
    expect(error.code).toBe('DEC_REFERENCE_MISMATCH');
  });

  it('lets decoders take turns, and each begin as often as the others', () => {
    const turns: string[] = [];
    const named = (name: string): BenchSubject =>
      altered((decoder) => (features, output) => {
        if (turns.at(-1) !== name) turns.push(name);
        decoder.step(features, output);
      });
    benchLatency([named('a'), named('b')], { ...TINY, warmStepCount: 4001, pacedSeconds: 0.002 });
    // Verified: ab. Warm, 2,000 steps a turn: ab, ba, ab. Paced: ab. The same one twice is one entry.
    expect(turns.join('')).toBe('abababab');
  });

  it('throws away the state of a step that only warms the caches', () => {
    const states: string[] = [];
    const subject = altered((decoder) => (features, output) => {
      const state = new Uint8Array(decoder.stateBytes);
      decoder.saveState(state);
      states.push(state.join());
      decoder.step(features, output);
    });
    benchLatency([subject], TINY);
    // The last four steps: warming, timed, warming, timed.
    const [firstWarming, firstTimed, secondWarming, secondTimed] = states.slice(-4);
    expect([firstTimed, secondTimed]).toEqual([firstWarming, secondWarming]);
    expect(secondTimed).not.toBe(firstTimed);
  });
});
