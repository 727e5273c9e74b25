/** Shows a running session: the live view on a terminal, else one line a second. */
import type { Session } from '../runtime/session.ts';
import { LiveTrace } from './live-trace.ts';
import { signed, statusLine } from './session-text.ts';
import { plotWidth, TerminalView } from './terminal-view.ts';

export interface DisplayOptions {
  /** Draw the live view on stdout. */
  isLive: boolean;
  /** Where lines go without it. */
  lines: NodeJS.WriteStream;
  recordPath: string | undefined;
  /** Where the calibration stands, and in short while it is under way; undefined where there is none. */
  calibration: () => { text: string; stage: string | undefined } | undefined;
  /** What can be done now, and by which key. */
  keys: () => string;
}

const VIEW_MS = 100;
const LINE_MS = 1000;
const EVENTS_KEPT = 20;

export class SessionDisplay {
  /** To be given to the session as a sink. */
  readonly trace: LiveTrace;
  private readonly title: string;
  private readonly options: DisplayOptions;
  private readonly events: string[] = [];
  private session: Session | undefined;
  private timer: NodeJS.Timeout | undefined;
  private view: TerminalView | undefined;

  constructor(title: string, options: DisplayOptions) {
    this.title = title;
    this.options = options;
    this.trace = new LiveTrace(plotWidth(Infinity));
  }

  start(session: Session): void {
    this.session = session;
    const { isLive } = this.options;
    if (isLive) this.view = new TerminalView(process.stdout);
    this.timer = setInterval(
      () => {
        if (isLive) this.draw();
        else this.writeLine();
      },
      isLive ? VIEW_MS : LINE_MS,
    );
  }

  tell(text: string): void {
    this.events.push(text);
    if (this.events.length > EVENTS_KEPT) this.events.shift();
    if (this.view === undefined) this.options.lines.write(`event  ${text}\n`);
  }

  /** Idempotent. */
  close(): void {
    clearInterval(this.timer);
    if (this.view === undefined) return;
    this.draw();
    this.view.close();
    this.view = undefined;
  }

  private draw(): void {
    if (this.session === undefined) return;
    const { labels, unit } = this.session.model.output;
    this.view?.draw({
      title: this.title,
      labels,
      unit,
      status: this.session.snapshot(),
      trace: this.trace.points,
      recordPath: this.options.recordPath,
      calibration: this.options.calibration()?.text,
      events: this.events,
      keys: this.options.keys(),
    });
  }

  private writeLine(): void {
    if (this.session === undefined) return;
    const status = this.session.snapshot();
    const { labels, unit } = this.session.model.output;
    const { points } = this.trace;
    if (points.length === 0) return; // nothing decoded yet
    const last = points[points.length - 1];
    const values = labels.map((label, d) => {
      const truth = d < last.truth.length ? ` (true ${signed(last.truth[d])})` : '';
      return `${label} ${signed(last.output[d])}${truth}`;
    });
    const stage = this.options.calibration()?.stage;
    this.options.lines.write(`${statusLine(status, `${values.join('  ')} ${unit}`, stage)}\n`);
  }
}
