/**
 * Discretisation of a diagonal state space model (S4D, Gu et al. 2022, arXiv 2206.11893), in float64.
 *   lambda = -exp(logAReal) + i aImag,   dt = exp(logDt),   z = dt lambda              per channel h and state n
 *   a = exp(z),   e = (a - 1) / lambda,   c = 2 C e                                     zero-order hold, B = 1
 * a and c are what the recurrence of kernels/assembly/s4d.ts takes; the 2 stands for the other half of a conjugate pair.
 *
 * Gradients of complex numbers are d/d real + i d/d imaginary; for w = f(z) that makes dz = dw conj(f'(z)).
 */
import { assert } from '../core/errors.ts';
import type { Tensor } from './tensor.ts';

/** One value per parameter tensor, or its gradient. H channels, N states of conjugate pairs. */
export interface S4dArrays {
  /** [H] */
  logDt: Float32Array;
  /** [H, N] */
  logAReal: Float32Array;
  /** [H, N] */
  aImag: Float32Array;
  /** [H, N, 2], real and imaginary */
  c: Float32Array;
}

/** Tensors of `s4dScan`, shapes as above; d [H]. */
export interface S4dTensors {
  logDt: Tensor;
  logAReal: Tensor;
  aImag: Tensor;
  c: Tensor;
  d: Tensor;
}

/** @throws when the tensors do not fit u [T, B, H] */
export function assertS4dShapes(u: Tensor, tensors: S4dTensors): void {
  const channelCount = u.shape[2];
  const stateCount = tensors.logAReal.shape[1];
  const fits = (tensor: Tensor, ...shape: number[]): boolean => tensor.shape.join() === shape.join();
  assert(
    u.shape.length === 3 &&
      fits(tensors.logDt, channelCount) &&
      fits(tensors.logAReal, channelCount, stateCount) &&
      fits(tensors.aImag, channelCount, stateCount) &&
      fits(tensors.c, channelCount, stateCount, 2) &&
      fits(tensors.d, channelCount),
    's4dScan: u is [T, B, H], logDt and d [H], logAReal and aImag [H, N], c [H, N, 2]',
  );
}

/** Floats of coefficients, and of the sums that the backward scan gives: [ceil4(H)/4][N][4][4]. */
export function s4dCoefficientCount(channelCount: number, stateCount: number): number {
  return Math.ceil(channelCount / 4) * stateCount * 16;
}

/** Place of the first of the four parts (4 floats apart) of one channel and state: a real, a imaginary, c real, c imaginary. */
export function s4dCoefficientIndex(channel: number, state: number, stateCount: number): number {
  return (Math.floor(channel / 4) * stateCount + state) * 16 + (channel % 4);
}

/**
 * @param coefficients s4dCoefficientCount long; a real, a imaginary, c real, c imaginary of each channel and state
 * @param steps [H, N, 4]; a real, a imaginary, e real, e imaginary: what `addS4dGradients` needs
 */
export function discretiseS4d(coefficients: Float32Array, steps: Float64Array, parameters: S4dArrays): void {
  const { logDt, logAReal, aImag, c } = parameters;
  const stateCount = logAReal.length / logDt.length;
  for (let channel = 0; channel < logDt.length; channel++) {
    const dt = Math.exp(logDt[channel]);
    for (let state = 0; state < stateCount; state++) {
      const at = channel * stateCount + state;
      const real = -Math.exp(logAReal[at]);
      const imag = aImag[at];
      const size = Math.exp(dt * real);
      const aReal = size * Math.cos(dt * imag);
      const aImaginary = size * Math.sin(dt * imag);
      // (a - 1) / lambda
      const square = real * real + imag * imag;
      const eReal = ((aReal - 1) * real + aImaginary * imag) / square;
      const eImag = (aImaginary * real - (aReal - 1) * imag) / square;
      steps[4 * at] = aReal;
      steps[4 * at + 1] = aImaginary;
      steps[4 * at + 2] = eReal;
      steps[4 * at + 3] = eImag;
      const to = s4dCoefficientIndex(channel, state, stateCount);
      coefficients[to] = aReal;
      coefficients[to + 4] = aImaginary;
      coefficients[to + 8] = 2 * (c[2 * at] * eReal - c[2 * at + 1] * eImag);
      coefficients[to + 12] = 2 * (c[2 * at] * eImag + c[2 * at + 1] * eReal);
    }
  }
}

/**
 * Adds to the gradients by the parameters what follows from p = sum v[t] h[t-1] and q = sum dy[t] h[t]: the gradient by a
 * is conj(c p), that by c conj(q).
 * @param sums s4dCoefficientCount long; p real, p imaginary, q real, q imaginary
 * @param steps as discretiseS4d left them
 */
export function addS4dGradients(
  gradients: S4dArrays,
  sums: Float32Array,
  steps: Float64Array,
  parameters: S4dArrays,
): void {
  const { logDt, logAReal, aImag, c } = parameters;
  const stateCount = logAReal.length / logDt.length;
  for (let channel = 0; channel < logDt.length; channel++) {
    const dt = Math.exp(logDt[channel]);
    let dLogDt = 0;
    for (let state = 0; state < stateCount; state++) {
      const at = channel * stateCount + state;
      const real = -Math.exp(logAReal[at]);
      const imag = aImag[at];
      const square = real * real + imag * imag;
      const aReal = steps[4 * at];
      const aImaginary = steps[4 * at + 1];
      const eReal = steps[4 * at + 2];
      const eImag = steps[4 * at + 3];
      const cReal = c[2 * at];
      const cImag = c[2 * at + 1];
      const from = s4dCoefficientIndex(channel, state, stateCount);
      const pReal = sums[from];
      const pImag = sums[from + 4];
      // By C e: c is twice that.
      const gReal = 2 * sums[from + 8];
      const gImag = -2 * sums[from + 12];
      gradients.c[2 * at] += gReal * eReal + gImag * eImag;
      gradients.c[2 * at + 1] += gImag * eReal - gReal * eImag;
      const deReal = gReal * cReal + gImag * cImag;
      const deImag = gImag * cReal - gReal * cImag;
      // de / conj(lambda): both a and lambda change e by it
      const ratioReal = (deReal * real - deImag * imag) / square;
      const ratioImag = (deImag * real + deReal * imag) / square;
      const outReal = 2 * (cReal * eReal - cImag * eImag);
      const outImag = 2 * (cReal * eImag + cImag * eReal);
      const daReal = outReal * pReal - outImag * pImag + ratioReal;
      const daImag = -(outReal * pImag + outImag * pReal) + ratioImag;
      // dz = da conj(a)
      const dzReal = daReal * aReal + daImag * aImaginary;
      const dzImag = daImag * aReal - daReal * aImaginary;
      // dlambda = dt dz - conj(e) de / conj(lambda)
      const dReal = dt * dzReal - (ratioReal * eReal + ratioImag * eImag);
      const dImag = dt * dzImag - (ratioImag * eReal - ratioReal * eImag);
      gradients.logAReal[at] += dReal * real;
      gradients.aImag[at] += dImag;
      dLogDt += dt * (dzReal * real + dzImag * imag);
    }
    gradients.logDt[channel] += dLogDt;
  }
}
