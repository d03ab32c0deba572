/**
 * The verb `worker` with the fake engine and short times: `node fault-worker.ts OPTIONS`, as JSON.
 * Lines on standard input: `block MS` blocks the event loop, `block-while FILE` as long as that file is there,
 * `clock MS` sets the wall clock that far off.
 * A chunk with a row that says `!kill-decoding` kills it when it is decoded.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { listenForStop } from '../../src/cli/signals.ts';
import { createLog } from '../../src/cli/terminal/json-log.ts';
import { createReconciler } from '../../src/queue/reconciler.ts';
import { createRedisQueue } from '../../src/queue/redis-queue.ts';
import { createPool } from '../../src/store/pool.ts';
import { createEngines } from '../../src/worker/engines.ts';
import { startWorker } from '../../src/worker/worker.ts';
import { fakeEngineOptions } from './fake-engine-options.ts';
import { setClock } from './fault-clock.ts';
import type { FaultWorkerOptions } from './fault-options.ts';

const { parse } = JSON;
JSON.parse = (text, reviver) => {
  if (String(text).includes('!kill-decoding')) process.kill(process.pid, 'SIGKILL');
  return parse(text, reviver);
};

const options: FaultWorkerOptions = JSON.parse(process.argv[2] ?? '');
setClock(options.clockMs);
const log = createLog('debug');
const name = `fault/${process.pid}`;
const database = createPool(options.databaseUrl, {
  max: 8,
  applicationName: name,
  answerTimeoutMs: options.answerTimeoutMs,
});
const queue = await createRedisQueue({
  url: options.redisUrl,
  name: options.queue,
  log,
  redelivery: { lockDurationMs: options.lockMs, checkEveryMs: options.checkMs },
});
const worker = await startWorker({
  database,
  queue,
  openEngines: () =>
    createEngines({
      ...fakeEngineOptions(`fake!slow=${options.rowMs}`),
      processes: options.processes,
      hangAfterMs: options.hangAfterMs,
      maxRssBytes: options.maxRssBytes,
      log,
    }),
  processes: options.processes,
  name,
  log,
});
const reconciler = createReconciler({ database, queue, log, everyMs: options.reconcileMs });
reconciler.start();
const stop = listenForStop((text) => log.info({}, text));
createInterface({ input: process.stdin }).on('line', (line) => {
  const [order, value = ''] = line.split(' ');
  if (order === 'clock') setClock(Number(value));
  if (order === 'block') block(Number(value));
  while (order === 'block-while' && existsSync(value)) block(50);
  log.info({ order }, 'obeyed');
});
log.info({}, 'worker is ready');
if (!stop.signal.aborted) await once(stop.signal, 'abort');
await reconciler.close();
const finished = await worker.drain(options.drainMs);
log.info({ finished }, 'worker has drained');
await queue.close();
await database.close();
process.exit(0);

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
