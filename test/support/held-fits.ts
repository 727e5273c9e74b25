/** Fit threads that go on when a test lets them, and not after a time: what happens between two of their messages is no race. */
import { setEnvironmentData } from 'node:worker_threads';
import { compiledUrl } from '../../src/host/compiled.ts';
import { workerScript } from './workers.ts';

const GATE = 'betz-test-gate';
/** How far a fit may go. Every thread that is started from here on has it. */
const gate = new Int32Array(new SharedArrayBuffer(4));
setEnvironmentData(GATE, gate);

/** Before each test. */
export function holdFits(): void {
  Atomics.store(gate, 0, 0);
}

/** @param stage of `fitWorker`, 1: as far as the interim candidate; 2: to the end. Of `steppedFitWorker`: steps that it is to go on after */
export function letFitsGo(stage: number): void {
  Atomics.store(gate, 0, Math.max(stage, gate[0]));
  Atomics.notify(gate, 0);
}

const WAIT_FOR = `
    const gate = getEnvironmentData(${JSON.stringify(GATE)});
    const waitFor = (stage) => {
      for (let now = gate[0]; now < stage; now = Atomics.load(gate, 0)) Atomics.wait(gate, 0, now);
    };`;

/** Our own fit thread, which waits after each training step until it may go on. */
export function steppedFitWorker(): URL {
  return workerScript(`
    import { getEnvironmentData, parentPort } from 'node:worker_threads';
    ${WAIT_FOR}
    const post = parentPort.postMessage.bind(parentPort);
    parentPort.postMessage = (message) => {
      post(message);
      if (message.kind === 'progress') waitFor(message.progress.step);
    };
    await import(${JSON.stringify(compiledUrl('runtime/session-fit-worker.js').href)});
  `);
}

/** The readout of our own fit first, and then what `then` does with it. @param first what is done to it before it is told of */
export function fitWorker(then: string, first = ''): URL {
  return workerScript(`
    import { getEnvironmentData, workerData } from 'node:worker_threads';
    import { calibrateSession } from ${JSON.stringify(compiledUrl('calibration/session/calibrate-session.js').href)};
    import { createCalibrationHost } from ${JSON.stringify(compiledUrl('host/calibration-host.js').href)};
    import { WorkerPort } from ${JSON.stringify(compiledUrl('runtime/worker-port.js').href)};
    const port = new WorkerPort();
    ${WAIT_FOR}
    await port.serve(async () => {
      const { base, recording, options } = workerData;
      const quick = { ...options, method: 'readout' };
      const interim = await calibrateSession(base, recording, quick, createCalibrationHost(1));
      const send = (calibration) => port.post({ kind: 'done', calibration });
      ${first}
      waitFor(1);
      if (options.method === 'auto') port.post({ kind: 'interim', calibration: interim, next: 'ends' });
      waitFor(2);
      ${then}
    });
  `);
}
