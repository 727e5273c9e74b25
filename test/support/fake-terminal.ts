/** A terminal of a given size that understands what the live view writes, and nothing else. */
import { EventEmitter } from 'node:events';

const TOKENS = /\u001b\[(\??\d*)([A-Za-z])|\r|\n|[^\u001b\r\n]+/g;

export class FakeTerminal extends EventEmitter {
  columns: number;
  rows: number;
  isCursorShown = true;
  /** Lines that left the screen at its top. */
  scrolledLines = 0;
  private lines: string[] = [''];
  private row = 0;
  private column = 0;

  constructor(columns: number, rows: number) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  /** What stands on it, without trailing empty lines. */
  screen(): string[] {
    const lines = this.lines.map((line) => line.trimEnd());
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }

  /** Lines that are too long now are wrapped, and those that have no room leave at the top. */
  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    const wrapped = this.lines.flatMap((line) => line.match(new RegExp(`.{1,${columns}}`, 'g')) ?? ['']);
    this.lines = wrapped.slice(-rows);
    this.row = this.lines.length - 1;
    this.emit('resize');
  }

  write(text: string): void {
    for (const [token, parameter, command] of text.matchAll(TOKENS)) {
      if (token === '\r') this.column = 0;
      else if (token === '\n') this.feed();
      else if (token.startsWith('\u001b')) this.control(`${parameter}${command}`);
      else this.print(token);
    }
  }

  private print(text: string): void {
    for (const character of text) {
      if (this.column === this.columns) {
        this.column = 0;
        this.feed();
      }
      const line = this.lines[this.row].padEnd(this.column);
      this.lines[this.row] = line.slice(0, this.column) + character + line.slice(this.column + 1);
      this.column++;
    }
  }

  private feed(): void {
    if (this.row === this.rows - 1) {
      this.lines.shift();
      this.scrolledLines++;
    } else {
      this.row++;
    }
    while (this.lines.length <= this.row) this.lines.push('');
  }

  private control(sequence: string): void {
    const up = /^(\d+)A$/.exec(sequence);
    if (up !== null) this.row = Math.max(0, this.row - Number(up[1]));
    else if (sequence === '2K') this.lines[this.row] = '';
    else if (sequence === '0J') {
      this.lines.length = this.row + 1;
      this.lines[this.row] = this.lines[this.row].slice(0, this.column);
    } else if (sequence === '2J') this.lines.fill('');
    else if (sequence === 'H') this.row = this.column = 0;
    else if (sequence === '?25l') this.isCursorShown = false;
    else if (sequence === '?25h') this.isCursorShown = true;
    else throw new Error(`unknown control sequence ${sequence}`);
  }
}
