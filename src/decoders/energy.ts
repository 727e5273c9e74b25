/**
 * An estimate of the energy of a step from its counts of operations: float32 in 45 nm CMOS, Horowitz 2014 (ISSCC, "Computing's
 * energy problem"), as the papers on spiking decoders use it. It leaves out what real hardware spends most on, moving
 * weights and state, and says nothing about the processor that Betz runs on: it compares models, not machines.
 */
import type { ScalarOperations } from './account.ts';

const PJ_PER_MULTIPLICATION = 3.7;
const PJ_PER_ADDITION = 0.9;
/** A multiplication and an addition. */
const PJ_PER_MAC = 4.6;
const PJ_PER_AC = 0.9;

/** Picojoules of synaptic operations. */
export function synapticEnergyPj(macs: number, acs: number): number {
  return macs * PJ_PER_MAC + acs * PJ_PER_AC;
}

/** Picojoules of multiplications and additions beside the maps; functions have no figure and are left out. */
export function stateUpdateEnergyPj({ multiplications, additions }: ScalarOperations): number {
  return multiplications * PJ_PER_MULTIPLICATION + additions * PJ_PER_ADDITION;
}
