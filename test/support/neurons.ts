/** The four spiking neurons behind one face, for tests of their kernels. */
import type { Rng } from '../../src/core/rng.ts';
import { neuronScratchCount } from '../../src/kernels/exports/lif.ts';
import type { KernelExports } from '../../src/kernels/kernel-exports.ts';
import type { GuardedBuffer, KernelMemory } from './kernel-memory.ts';
import { drawUniform } from './kernel-twins.ts';

export const [DECAY, ADAPTATION, LEVELS] = [0.375, 0.5, 3];
const TRACE_DECAY = 0.75;
/** Numbers of the surrogates, and their sharpness. */
export const SURROGATES = [
  ['triangular', 0, 1],
  ['dspike', 1, 3],
  ['fast sigmoid', 2, 5],
] as const;

export interface Sizes {
  T: number;
  B: number;
  H: number;
}

/** Buffers of one scan; `own` is lnMagnitude or lnRho. */
export interface Buffers {
  y: GuardedBuffer;
  s: GuardedBuffer;
  u: GuardedBuffer;
  a: GuardedBuffer;
  lnVth: GuardedBuffer;
  own: GuardedBuffer;
  ds: GuardedBuffer;
  dy: GuardedBuffer;
  dlnVth: GuardedBuffer;
  down: GuardedBuffer;
  scratch: GuardedBuffer;
}

export interface Neuron {
  name: string;
  forward(k: KernelExports, b: Buffers, sizes: Sizes): void;
  backward(
    k: KernelExports,
    b: Buffers,
    sizes: Sizes,
    surrogate: readonly [number, number],
    add: number,
  ): void;
  step(k: KernelExports, b: Buffers, listPtr: number, yPtr: number, count: number): number;
  /** Distance of a membrane from where its spikes change. */
  margin(u: number, a: number): number;
}

export const NEURONS: readonly Neuron[] = [
  {
    name: 'lif',
    forward: (k, { s, u, y, lnVth, scratch }, { T, B, H }) => {
      k.lifScanForward(s.ptr, u.ptr, y.ptr, lnVth.ptr, T, B, H, DECAY, scratch.ptr);
    },
    backward: (k, { dy, dlnVth, ds, u, lnVth, scratch }, { T, B, H }, surrogate, add) => {
      k.lifScanBackward(
        ...([dy.ptr, dlnVth.ptr, ds.ptr, u.ptr, lnVth.ptr, T, B, H, DECAY] as const),
        ...surrogate,
        add,
        scratch.ptr,
      );
    },
    step: (k, { u }, listPtr, yPtr, count) => k.lifStep(listPtr, u.ptr, yPtr, count, DECAY),
    margin: (u) => Math.abs(u - 1),
  },
  {
    name: 'refractory',
    forward: (k, { s, u, y, lnVth, own, scratch }, { T, B, H }) => {
      k.refractoryScanForward(
        ...([s.ptr, u.ptr, y.ptr, lnVth.ptr, own.ptr, T, B, H, DECAY, TRACE_DECAY, scratch.ptr] as const),
      );
    },
    backward: (k, { dy, dlnVth, down, ds, u, lnVth, own, scratch }, { T, B, H }, surrogate, add) => {
      k.refractoryScanBackward(
        ...([dy.ptr, dlnVth.ptr, down.ptr, ds.ptr, u.ptr, lnVth.ptr, own.ptr] as const),
        ...([T, B, H, DECAY, TRACE_DECAY] as const),
        ...surrogate,
        add,
        scratch.ptr,
      );
    },
    step: (k, { u, a, own }, listPtr, yPtr, count) =>
      k.refractoryStep(listPtr, u.ptr, a.ptr, yPtr, own.ptr, count, DECAY, TRACE_DECAY),
    margin: (u) => Math.abs(u - 1),
  },
  {
    name: 'alif',
    forward: (k, { s, u, a, y, lnVth, own, scratch }, { T, B, H }) => {
      k.alifScanForward(
        ...([s.ptr, u.ptr, a.ptr, y.ptr, lnVth.ptr, own.ptr] as const),
        ...([T, B, H, DECAY, ADAPTATION, scratch.ptr] as const),
      );
    },
    backward: (k, { dy, dlnVth, down, ds, u, a, lnVth, own, scratch }, { T, B, H }, surrogate, add) => {
      k.alifScanBackward(
        ...([dy.ptr, dlnVth.ptr, down.ptr, ds.ptr, u.ptr, a.ptr, lnVth.ptr, own.ptr] as const),
        ...([T, B, H, DECAY, ADAPTATION] as const),
        ...surrogate,
        add,
        scratch.ptr,
      );
    },
    step: (k, { u, a, own }, listPtr, yPtr, count) =>
      k.alifStep(listPtr, u.ptr, a.ptr, yPtr, own.ptr, count, DECAY, ADAPTATION),
    margin: (u, a) => Math.abs(u - 1 - ADAPTATION * a),
  },
  {
    name: 'ilif',
    forward: (k, { s, u, y, lnVth, scratch }, { T, B, H }) => {
      k.ilifScanForward(s.ptr, u.ptr, y.ptr, lnVth.ptr, T, B, H, DECAY, LEVELS, scratch.ptr);
    },
    backward: (k, { dy, dlnVth, ds, u, lnVth, scratch }, { T, B, H }, _, add) => {
      k.ilifScanBackward(
        ...([
          dy.ptr,
          dlnVth.ptr,
          ds.ptr,
          u.ptr,
          lnVth.ptr,
          T,
          B,
          H,
          DECAY,
          LEVELS,
          add,
          scratch.ptr,
        ] as const),
      );
    },
    step: (k, { u }, listPtr, yPtr, count) => k.ilifStep(listPtr, u.ptr, yPtr, count, DECAY, LEVELS),
    margin: (u) => Math.abs(u - Math.floor(u) - 0.5),
  },
];

const scaled = (rng: Rng, count: number, scale: number, shift = 0): Float32Array =>
  drawUniform(rng, count).map((value) => scale * value + shift);

/** Saved membranes and traces are drawn too, so that a backward pass can be run by itself. */
export function drawBuffers(place: KernelMemory, rng: Rng, { T, B, H }: Sizes): Buffers {
  const savedCount = T * B * 4 * Math.ceil(H / 4);
  return {
    y: place.input(scaled(rng, T * B * H, 2, 0.5)),
    s: place.output(T * B * H),
    u: place.inOut(scaled(rng, savedCount, 2, 0.5)),
    a: place.inOut(scaled(rng, savedCount, 1, 1)),
    lnVth: place.input(scaled(rng, H, 0.5)),
    own: place.input(scaled(rng, H, 0.5)),
    ds: place.input(drawUniform(rng, T * B * H)),
    dy: place.inOut(drawUniform(rng, T * B * H)),
    dlnVth: place.inOut(drawUniform(rng, H)),
    down: place.inOut(drawUniform(rng, H)),
    scratch: place.output(neuronScratchCount(T)),
  };
}
