/**
 * The movement that the simulated units are tuned to: the one question that the array asks of whoever moves.
 *
 * In open loop that is a hand (`ReachingHand`). Its course is known ahead, so each unit can spike its own lead before the
 * movement that it tells of. In closed loop it is an intention (`SimulatedUser`) that answers to what is on the screen and
 * is known only as time goes: the velocity intended in frame n is then what the spikes of frame n tell, for every unit. A
 * lead is the time between spikes and a limb's movement; where no limb moves, there is none. What an intention costs in
 * time on its way to the cursor (binning, the decoder's smoothing) comes after the spikes and is simulated as such.
 */
export interface Movement {
  /** For how many frames beyond the last one asked for the course is fixed; 0 when it is known only as time goes. */
  readonly knownAheadFrames: number;
  /** Goes to a frame, whose velocity can then be asked for; frames increase, and may be left out. Allocates nothing. */
  moveTo(frame: number): void;
  /** In m/s, of the frame moved to. */
  velocityX(): number;
  velocityY(): number;
}
