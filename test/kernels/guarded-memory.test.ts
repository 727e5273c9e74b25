/** The canary of the kernel tests: their guard bands must notice each kind of trespass. */
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { benchOf, runTwins } from '../support/kernel-twins.ts';

const { exports, memory } = benchOf('simd');

describe('guard bands', () => {
  it.each([0, 1, 2, 3])('pass a kernel that keeps to its buffers (draw %i)', (seed) => {
    memory.reset(new Rng(seed));
    const x = memory.input([1, 2, 3]);
    const y = memory.output(3);
    exports.add(y.ptr, x.ptr, x.ptr, 3);
    memory.verify();
    expect(Array.from(y.values)).toEqual([2, 4, 6]);
  });

  it('find a write of one float behind a buffer', () => {
    memory.reset(new Rng(1));
    const y = memory.output(5);
    exports.zero(y.ptr, 6);
    expect(() => {
      memory.verify();
    }).toThrow(/float 0 after a buffer/);
  });

  it('find a write of one float before a buffer', () => {
    memory.reset();
    const y = memory.output(5);
    exports.zero(y.ptr - 4, 1);
    expect(() => {
      memory.verify();
    }).toThrow(/1 before the next/);
  });

  it('find a write between two buffers', () => {
    memory.reset();
    const first = memory.output(5);
    memory.output(5);
    exports.zero(first.ptr + 4 * 21, 1);
    expect(() => {
      memory.verify();
    }).toThrow(/float 16 after a buffer/);
  });

  it('find an input that was written to', () => {
    memory.reset();
    const x = memory.input([1, 2]);
    exports.accumulate(x.ptr, x.ptr, 1);
    expect(() => {
      memory.verify();
    }).toThrow('input element 0 of 2 was changed from 1 to 2');
  });

  it('make a read out of range show as NaN', () => {
    memory.reset();
    const x = memory.input([1, 2, 3]);
    const y = memory.output(4);
    exports.add(y.ptr, x.ptr, x.ptr, 4);
    expect(y.values[3]).toBeNaN();
  });

  it('fail a pair of twins of which one trespasses', () => {
    const trespass = (): unknown =>
      runTwins('simd', 2, (kernels, place) => {
        const y = place.output(5);
        kernels.zero(y.ptr, kernels === exports ? 6 : 5);
        return { y: y.values };
      });
    expect(trespass).toThrow(/after a buffer/);
  });
});
