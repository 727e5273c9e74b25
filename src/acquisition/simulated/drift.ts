/**
 * How an implanted array changes from day to day. Each day every channel takes one step from the day before: its gain
 * (random walk of the logarithm), an offset of the rate, and its unit's preferred direction move a little; some units
 * are lost, and channels without a unit find a new one. Units come and go over days to weeks on real arrays (Dickey et
 * al. 2009, J Neurophysiol 102:1331-1339), and rates and tuning change within and between days (Perge et al. 2013,
 * J Neural Eng 10:036004). The sizes are settings, not measurements.
 *
 * A channel's steps come from a stream of its own for each day, so day n is the same however it is reached.
 */
import type { SimulatedArrayConfig } from './array-config.ts';
import { randomStream } from './random-streams.ts';
import { drawUnit, silence } from './tuning.ts';
import type { Unit } from './tuning.ts';

/** Gains stay between 1/4 and 4: beyond, an electrode would be called broken. */
const LOG_GAIN_MAX = Math.log(4);

/** The array's units on `config.day`, one per channel. */
export function unitsOfDay(config: SimulatedArrayConfig): Unit[] {
  return Array.from({ length: config.channelCount }, (_, channel) => {
    let unit = initialUnit(config, channel);
    for (let day = 1; day <= config.day; day++) unit = nextDay(unit, config, day, channel);
    return unit;
  });
}

function initialUnit({ seed, tuning }: SimulatedArrayConfig, channel: number): Unit {
  const rng = randomStream(seed, 'units', channel, 0);
  const unit = drawUnit(tuning, rng);
  return rng.uniform() < tuning.silentFraction ? silence(unit) : unit;
}

function nextDay(unit: Unit, config: SimulatedArrayConfig, day: number, channel: number): Unit {
  const { drift } = config;
  const rng = randomStream(config.seed, 'drift', day, channel);
  // All draws are made whatever comes of them: turning one kind of drift off leaves the others as they were.
  const gainStep = drift.gainSpread * rng.normal();
  const offsetStep = drift.offsetSpread * rng.normal();
  const rotationRad = (drift.rotationDeg * rng.normal() * Math.PI) / 180;
  const isLost = rng.uniform() < drift.lossPerDay;
  const isFound = rng.uniform() < drift.arrivalPerDay;
  const newcomer = drawUnit(config.tuning, rng);
  if (unit.restRateHz === 0 || isLost) return isFound ? newcomer : silence(unit);
  const logGain = Math.max(-LOG_GAIN_MAX, Math.min(LOG_GAIN_MAX, Math.log(unit.gain) + gainStep));
  return {
    ...unit,
    gain: Math.exp(logGain),
    offsetHz: unit.offsetHz + offsetStep * unit.restRateHz,
    preferredDirectionRad: unit.preferredDirectionRad + rotationRad,
  };
}
