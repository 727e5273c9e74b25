/** y = W s + b for spikes s, given as a list of those that fired. Made by decoder-maps.ts. */
export interface EventMap {
  readonly rows: number;
  readonly cols: number;
  /** Where y stands, [rows] and padding. */
  readonly outputPtr: number;
  /**
   * @param listPtr int32 numbers of the neurons that fired, each as often as it fired
   * @param spikeCount length of the list; -1 (a membrane is NaN) makes y NaN
   */
  apply(listPtr: number, spikeCount: number): void;
}
