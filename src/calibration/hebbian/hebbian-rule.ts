/**
 * The soft Hebbian rule. Latents compete, and each moves towards what it saw, in the measure in which it won:
 *   y = softmax(beta u),   delta w_k = eta (y_k (x - u_k w_k) - h_k)
 * With h = 0 this is the rule of SoftHebb (Journe et al. 2023, ICLR, "Hebbian deep learning without feedback"), on which
 * Tang et al. 2023 (CVPR, arXiv 2303.00914, "Neuro-modulated Hebbian learning for fully test-time adaptation") build; its
 * fixed point has rows of unit length. h_k is what y_k (x - u_k w_k) is on average on calibration data with the calibrated
 * rows. Subtracting it is ours: it makes the calibrated read-in the rest point as long as the signal is as it was, so that
 * only a change of the signal moves it; without h the rule pulls a trained read-in towards the signal's own clusters.
 */

/** y = softmax(beta u), stable for any finite u. Allocates nothing; all [latentCount]. */
export function compete(wins: Float32Array, latents: Float32Array, beta: number): void {
  let largest = -Infinity;
  for (let k = 0; k < latents.length; k++) largest = Math.max(largest, latents[k]);
  let sum = 0;
  for (let k = 0; k < latents.length; k++) {
    wins[k] = Math.exp(beta * (latents[k] - largest));
    sum += wins[k];
  }
  for (let k = 0; k < latents.length; k++) wins[k] /= sum;
}

/**
 * One step of the rule, in place, with a pull back to the calibrated rows w0: delta w_k -= eta pull (w_k - w0_k). Without it
 * the rest point is not a stable one: competition enlarges what it finds.
 * @param rows w, [latentCount x channelCount]
 * @param rest h, as rows
 * @param calibrated w0, as rows
 * @param input x, [channelCount]
 * @param latents u, [latentCount]
 * @param wins y, [latentCount]
 */
export function hebbianStep(
  rows: Float32Array,
  rest: ArrayLike<number>,
  calibrated: Float32Array,
  input: Float32Array,
  latents: Float32Array,
  wins: Float32Array,
  { eta, pull }: { readonly eta: number; readonly pull: number },
): void {
  const channelCount = input.length;
  for (let k = 0; k < latents.length; k++) {
    const y = wins[k];
    const u = latents[k];
    for (let c = 0, i = k * channelCount; c < channelCount; c++, i++) {
      rows[i] += eta * (y * (input[c] - u * rows[i]) - rest[i] - pull * (rows[i] - calibrated[i]));
    }
  }
}

/**
 * Draws rows back to within a radius (Frobenius) of `centre`, along the straight line, but for the rounding of weights to float32.
 * @param radiusOf one number
 * @returns whether it had to
 */
export function projectOntoBall(
  rows: Float32Array,
  centre: Float32Array,
  radiusOf: ArrayLike<number>,
): boolean {
  const radius = radiusOf[0];
  let squares = 0;
  for (let i = 0; i < rows.length; i++) squares += (rows[i] - centre[i]) ** 2;
  if (squares <= radius * radius) return false;
  // A little inside, so that rounding seldom leaves it outside, to be drawn back once more.
  const factor = (radius * (1 - 1e-6)) / Math.sqrt(squares);
  for (let i = 0; i < rows.length; i++) rows[i] = centre[i] + factor * (rows[i] - centre[i]);
  return true;
}
