/** Progress of a long computation, on stderr: a bar with the time left on a terminal, else a line now and then. */
import cliProgress from 'cli-progress';

export interface Progress {
  update(done: number, detail: string): void;
  stop(): void;
}

/** Without a terminal: one line per this share of the work. */
const LINE_SHARE = 0.25;

export function startProgress(label: string, total: number): Progress {
  return process.stderr.isTTY ? startBar(label, total) : startLines(label, total);
}

function startBar(label: string, total: number): Progress {
  const bar = new cliProgress.SingleBar(
    {
      format: (options, { value, total: all, eta }, payload: { detail: string }) =>
        `${label} ${cliProgress.Format.BarFormat(value / all, options)} ${Math.floor((100 * value) / all)} %  ` +
        `${Number.isFinite(eta) ? `${Math.round(eta)} s left` : ''}  ${payload.detail}`,
      stream: process.stderr,
      barsize: 30,
      hideCursor: true,
      clearOnComplete: false,
      fps: 10,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0, { detail: '' });
  return {
    update: (done, detail) => {
      bar.update(done, { detail });
    },
    stop: () => {
      bar.stop();
    },
  };
}

function startLines(label: string, total: number): Progress {
  const startMs = performance.now();
  let nextShare = LINE_SHARE;
  return {
    update: (done, detail) => {
      const share = done / total;
      if (share < nextShare) return;
      nextShare += LINE_SHARE;
      const leftS = ((performance.now() - startMs) / 1000) * (1 / share - 1);
      process.stderr.write(`${label} ${Math.round(share * 100)} %  ${leftS.toFixed(0)} s left  ${detail}\n`);
    },
    stop: () => undefined,
  };
}
