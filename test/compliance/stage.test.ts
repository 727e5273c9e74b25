/** Canaries: stages that break a law must be caught, or the harness proves nothing. */
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { copyRowStamps } from '../../src/signal/block.ts';
import type { Block, BlockShape } from '../../src/signal/block.ts';
import type { Stage } from '../../src/signal/stage.ts';
import { expectSameOutput } from './stage.ts';

const SHAPE: BlockShape = { channelCount: 3, truthCount: 1, maxRows: 60, rowMs: 1 };

class Canary implements Stage {
  readonly name = 'canary';
  private shape = SHAPE;
  private kept: Float32Array = new Float32Array(3);

  prepare(shape: BlockShape): BlockShape {
    this.shape = shape;
    return shape;
  }

  process(input: Block, output: Block): void {
    copyRowStamps(output, input, this.shape.truthCount);
    for (let i = 0; i < input.rowCount * this.shape.channelCount; i++) {
      output.samples[i] = input.samples[i] + this.added(i);
    }
    if (input.rowCount > 0) this.kept = this.keep(input);
  }

  reset(): void {
    this.kept = new Float32Array(3);
  }

  protected added(i: number): number {
    return this.kept[i % this.shape.channelCount];
  }

  protected keep(input: Block): Float32Array {
    return input.samples.subarray(0, 3);
  }
}

class BufferKeeper extends Canary {}

class BlockCounter extends Canary {
  private blocks = 0;

  protected override added(): number {
    return this.blocks;
  }

  protected override keep(): Float32Array {
    this.blocks++;
    return new Float32Array(3);
  }
}

class Honest extends Canary {
  protected override added(): number {
    return 1;
  }
}

describe('stage laws', () => {
  it('pass a stage that obeys them', () => {
    expectSameOutput(() => new Honest(), SHAPE, new Rng(1));
  });

  it('catch a stage that keeps a borrowed buffer', () => {
    expect(() => {
      expectSameOutput(() => new BufferKeeper(), SHAPE, new Rng(1));
    }).toThrow();
  });

  it('catch a stage whose output depends on how the input is cut', () => {
    expect(() => {
      expectSameOutput(() => new BlockCounter(), SHAPE, new Rng(1));
    }).toThrow();
  });
});
