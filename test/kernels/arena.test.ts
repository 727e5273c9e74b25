import { describe, expect, it } from 'vitest';
import { Arena } from '../../src/kernels/arena.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

const PAGE = 65536;

describe('Arena', () => {
  it('reserves one piece behind the other, each at a cache line, none over another', () => {
    const arena = new Arena(PAGE, 100);
    const pieces = [1, 64, 65, 0, 7].map((count) => ({ ptr: arena.allocateBytes(count), count }));
    expect(pieces.map(({ ptr }) => ptr)).toEqual([128, 192, 256, 384, 384]);
    expect(arena.usedBytes()).toBe(391);
  });

  it('gives zeroed elements through a view that later allocations do not move', () => {
    const arena = new Arena(PAGE, 0);
    const view = arena.float32(arena.allocate(10), 10);
    expect([...view]).toEqual(Array(10).fill(0));
    view.fill(3);
    const next = arena.allocate(1000);
    expect(next).toBe(64);
    expect([...arena.float32(next, 1000)].every((value) => value === 0)).toBe(true);
    expect([...view]).toEqual(Array(10).fill(3));
    expect(view.buffer).toBe(arena.memory.buffer);
  });

  it('is of whole pages', () => {
    expect(new Arena(1, 0).memory.buffer.byteLength).toBe(PAGE);
    expect(new Arena(PAGE + 1, 0).memory.buffer.byteLength).toBe(2 * PAGE);
  });

  it('gives its last byte, and says how much would have been needed beyond it', () => {
    const arena = new Arena(PAGE, 0);
    expect(arena.allocateBytes(PAGE)).toBe(0);
    const error = betzErrorOf(() => arena.allocateBytes(1));
    expect(error).toMatchObject({ code: 'CFG_MEMORY_EXHAUSTED', value: PAGE + 1 });
    expect(error.message).toContain(String(PAGE));
  });

  it('lends memory for a while, and gives it out again as zeros', () => {
    const arena = new Arena(PAGE, 0);
    const kept = arena.allocate(4);
    let lentPtr = 0;
    arena.borrow(() => {
      lentPtr = arena.allocate(8);
      arena.float32(lentPtr, 8).fill(7);
    });
    expect(arena.usedBytes()).toBe(kept + 16);
    const again = arena.allocate(8);
    expect(again).toBe(lentPtr);
    expect([...arena.float32(again, 8)]).toEqual(Array(8).fill(0));
  });

  it('is as it was when a piece did not fit', () => {
    const arena = new Arena(PAGE, 0);
    betzErrorOf(() => arena.allocate(PAGE));
    expect(arena.usedBytes()).toBe(0);
    expect(arena.allocate(16)).toBe(0);
  });
});
