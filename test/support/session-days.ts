/** Tiny days of the simulated array, and models of them, for tests of session calibration. */
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';

export function simulatedSession(day: number, seconds: number, channelCount = 20): BinnedRecording {
  return simulateRecording({ seed: 5, day, channelCount }, seconds, 20);
}

/** Some of the channels, in the order given. */
export function withChannels(recording: BinnedRecording, places: readonly number[]): BinnedRecording {
  const { binCount, channels, features } = recording;
  const picked = new Float32Array(binCount * places.length);
  for (let bin = 0; bin < binCount; bin++)
    places.forEach((place, i) => (picked[bin * places.length + i] = features[bin * channels.length + place]));
  return { ...recording, channels: places.map((place) => channels[place]), features: picked };
}
