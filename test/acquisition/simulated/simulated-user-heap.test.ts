/** In a file of its own: with other movements about, V8 boxes more of what the array's calls give back. */
import { expect, it } from 'vitest';
import { simulatedArrayConfig } from '../../../src/acquisition/simulated/array-config.ts';
import { SimulatedArray } from '../../../src/acquisition/simulated/simulated-array.ts';
import { SimulatedUser, simulatedUserConfig } from '../../../src/acquisition/simulated/simulated-user.ts';
import { Rng } from '../../../src/core/rng.ts';
import { runsWithinHeapBytes } from '../../support/collect-garbage.ts';

it('a simulated user that drives a simulated array makes no arrays or closures per frame', () => {
  const screen = { cursorX: 0, cursorY: 0, targetX: 0.05, targetY: 0.02, targetRadiusM: 0.02 };
  const user = new SimulatedUser(simulatedUserConfig.parse({}), screen, new Rng(1));
  const array = new SimulatedArray(simulatedArrayConfig.parse({}), 0, user);
  const samples = new Float32Array(array.channelCount);
  const truth = new Float32Array(2);
  const work = (): void => {
    for (let frame = 0; frame < 20_000; frame++) array.read(1, samples, truth);
  };
  // Numbers that V8 boxes on their way back from a draw are allowed; an array or a closure in every frame is not.
  expect(runsWithinHeapBytes(work, 20_000 * 64)).toBe(true);
});
