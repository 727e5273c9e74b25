import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { CTRL_C, listenForKeys } from '../../src/cli/session-keys.ts';

/** A terminal's keyboard: its mode, and whether anybody reads it. */
class FakeKeyboard extends EventEmitter {
  isRaw = false;
  isRead = false;
  readonly modes: boolean[] = [];

  setRawMode(isRaw: boolean): void {
    this.isRaw = isRaw;
    this.modes.push(isRaw);
  }

  resume(): void {
    this.isRead = true;
  }

  pause(): void {
    this.isRead = false;
  }

  type(text: string): void {
    this.emit('data', Buffer.from(text));
  }
}

function listening(): { keyboard: FakeKeyboard; pressed: string[]; end: () => void } {
  const keyboard = new FakeKeyboard();
  const pressed: string[] = [];
  const actions = Object.fromEntries(['r', 'q', CTRL_C].map((key) => [key, () => void pressed.push(key)]));
  return { keyboard, pressed, end: listenForKeys(keyboard, actions) };
}

describe('keys', () => {
  it('act at once, without Enter, and others do nothing', () => {
    const { keyboard, pressed } = listening();
    expect(keyboard).toMatchObject({ isRaw: true, isRead: true });
    for (const key of ['r', 'x', 'R', '', '\r', 'toString', CTRL_C]) keyboard.type(key);
    expect(pressed).toEqual(['r', CTRL_C]);
  });

  it('are no key when they come as several: pasted, or sent by an arrow', () => {
    const { keyboard, pressed } = listening();
    for (const text of ['rq', 'stop at four, sir', '\u001br', '\u001b[C', 'rr']) keyboard.type(text);
    expect(pressed).toEqual([]);
    keyboard.type(`rr${CTRL_C}`);
    expect(pressed, 'but Ctrl-C is heard always').toEqual([CTRL_C]);
  });

  it('give the terminal back once, and are heard no more', () => {
    const { keyboard, pressed, end } = listening();
    end();
    end();
    expect(keyboard).toMatchObject({ isRaw: false, isRead: false, modes: [true, false] });
    keyboard.type('r');
    expect(pressed).toEqual([]);
  });

  it('may be taken away: a terminal that is closed ends nothing', () => {
    const { keyboard, end } = listening();
    keyboard.emit('error', new Error('EIO'));
    end();
    keyboard.emit('error', new Error('EIO'));
    expect(keyboard.isRaw).toBe(false);
  });
});
