/** Keys of the live view: single ones, without Enter, while the terminal's own line editing and echo are off. */
import { readFileSync } from 'node:fs';

/** What is needed of `process.stdin` on a terminal. */
export interface KeyInput {
  setRawMode(isRaw: boolean): unknown;
  on(event: 'data' | 'error', listener: (data: Buffer | string) => void): unknown;
  off(event: 'data', listener: (data: Buffer | string) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** Ctrl-C reaches us as this character, and no longer as a signal. */
export const CTRL_C = '\u0003';

/**
 * @param actions by the key; every other key does nothing
 * @returns gives the terminal back as it was; idempotent
 */
export function listenForKeys(input: KeyInput, actions: Readonly<Record<string, () => void>>): () => void {
  const onData = (data: Buffer | string): void => {
    const text = data.toString();
    // Several characters at once are a paste, or what an arrow sends: no decision about a decoder.
    const key = text.includes(CTRL_C) ? CTRL_C : text;
    if (Object.hasOwn(actions, key)) actions[key]();
  };
  let isListening = true;
  // For good: a terminal that is closed says so late, and a session outlives it.
  input.on('error', () => undefined);
  input.on('data', onData);
  input.setRawMode(true);
  input.resume();
  return () => {
    if (!isListening) return;
    isListening = false;
    input.off('data', onData);
    input.setRawMode(false);
    input.pause();
  };
}

/** A job in the background (`betz run &`) is stopped by the system when it changes the terminal. Elsewhere than on Linux it is taken to be in the foreground. */
export function isInForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // After the name, which may hold anything: state, parent, process group, session, terminal, its foreground group (proc(5)).
    const [, , group, , , foregroundGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === foregroundGroup;
  } catch {
    return true;
  }
}
