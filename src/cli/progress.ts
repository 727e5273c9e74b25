/** Progress of a long computation, on stderr: a bar with the time left on a terminal, else a line now and then. */
import cliProgress from 'cli-progress';

export interface Progress {
  /** @param share of the work, up to 1 */
  update: (share: number, detail: string) => void;
  /** Leaves the line to others; later updates are not shown. Idempotent. */
  stop: () => void;
}

/** Without a terminal: one line per this share of the work. */
const LINE_SHARE = 0.25;
/** Bar, numbers and details fit 80 columns. */
const BAR_COLUMNS = 16;

export function startProgress(label: string): Progress {
  return process.stderr.isTTY ? startBar(label) : startLines(label);
}

function startBar(label: string): Progress {
  const bar = new cliProgress.SingleBar(
    {
      format: (options, { value, eta }, payload: { detail: string }) =>
        `${label} ${cliProgress.Format.BarFormat(value, options)} ${Math.floor(100 * value)} %  ` +
        `${Number.isFinite(eta) ? `${Math.round(eta)} s left` : ''}  ${payload.detail}`,
      stream: process.stderr,
      barsize: BAR_COLUMNS,
      hideCursor: true,
      clearOnComplete: false,
      fps: 10,
    },
    cliProgress.Presets.shades_classic,
  );
  let state: 'waiting' | 'shown' | 'stopped' = 'waiting';
  return {
    update: (share, detail) => {
      // The first update shows the bar: work that cannot tell how far it is has none.
      if (state === 'waiting') {
        bar.start(1, 0, { detail });
        state = 'shown';
      }
      if (state === 'shown') bar.update(share, { detail });
    },
    stop: () => {
      if (state === 'shown') bar.stop();
      state = 'stopped';
    },
  };
}

function startLines(label: string): Progress {
  const startMs = performance.now();
  let nextShare = LINE_SHARE;
  let isStopped = false;
  return {
    update: (share, detail) => {
      if (isStopped || share < nextShare) return;
      while (nextShare <= share) nextShare += LINE_SHARE;
      const leftS = ((performance.now() - startMs) / 1000) * (1 / share - 1);
      process.stderr.write(`${label} ${Math.round(share * 100)} %  ${leftS.toFixed(0)} s left  ${detail}\n`);
    },
    stop: () => {
      isStopped = true;
    },
  };
}
