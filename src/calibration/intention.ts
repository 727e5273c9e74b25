/**
 * Intention estimation of the ReFIT Kalman filter (Gilja et al. 2012, Nat Neurosci 15:1752-1757): in closed loop the
 * decoded velocity is not what the user meant. What was meant, it is assumed, pointed at the target, with the speed that
 * was decoded, and was nothing at all once the cursor was on the target.
 *
 * Ours: no intention is assumed while no target is shown, nor in the first moments after one has appeared, when nobody can
 * have reacted to it yet.
 */
export interface ClosedLoopBins {
  binMs: number;
  binCount: number;
  /** Of the cursor when the bin began, in m. [binCount x 2] */
  cursor: Float32Array;
  /** With which the cursor moved in the bin, in m/s. [binCount x 2] */
  velocity: Float32Array;
  /** Centre of the target that was on the screen in the bin, in m; NaN without one. [binCount x 2] */
  target: Float32Array;
  /** [binCount] */
  targetRadius: Float32Array;
}

/** A simple reaction to something seen takes a person 200 to 250 ms. */
const REACTION_MS = 240;

/** @returns the estimated intended velocity in m/s, [binCount x 2] */
export function intendedVelocity(bins: ClosedLoopBins, reactionMs = REACTION_MS): Float32Array {
  const { binMs, binCount, cursor, velocity, target, targetRadius } = bins;
  const intended = new Float32Array(binCount * 2);
  let shownBins = 0;
  for (let bin = 0; bin < binCount; bin++) {
    const [x, y] = [2 * bin, 2 * bin + 1];
    const isShown = !Number.isNaN(target[x]);
    const isNew = bin > 0 && (target[x] !== target[x - 2] || target[y] !== target[y - 2]);
    shownBins = !isShown ? 0 : isNew ? 1 : shownBins + 1;
    if (!isShown || (shownBins - 1) * binMs < reactionMs) continue;
    const dx = target[x] - cursor[x];
    const dy = target[y] - cursor[y];
    const distance = Math.hypot(dx, dy);
    if (distance <= targetRadius[bin]) continue;
    const speed = Math.hypot(velocity[x], velocity[y]);
    intended[x] = (speed * dx) / distance;
    intended[y] = (speed * dy) / distance;
  }
  return intended;
}
