import { expect, test } from 'vitest';
import { inForm, startCluster } from '../support/fault-cluster.ts';
import { canStartRedis } from '../support/private-redis.ts';

const suite = test.skipIf(!canStartRedis);

suite('11: engines that hang, are busy for ever, abort, and leak past their budget', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(240, {
    20: '!hang',
    70: '!block',
    130: '!abort',
    180: '!leak',
    190: '!leak',
    200: '!leak',
  });
  const run = await cluster.enqueue(rows.file);
  const worker = await cluster.worker({
    processes: 2,
    maxRssBytes: 180 * 2 ** 20,
    hangAfterMs: inForm(20_000, 1_500),
  });
  await cluster.untilDone(run);
  await worker.stderrMatches(/over its memory budget/);
  await cluster.expectWhole(run, rows, { 20: 'engine_hung', 70: 'engine_hung', 130: 'engine_crashed' });
});

suite('11: engines that answer garbage', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(240, {
    10: '!garbage-nothing',
    50: '!garbage-no-rewrite',
    90: '!garbage-fraction',
    130: '!garbage-nan',
    170: '!garbage-outcome',
    210: '!garbage-message',
  });
  const run = await cluster.enqueue(rows.file);
  const worker = await cluster.worker();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows, {
    10: 'engine_bad_answer',
    50: 'engine_bad_answer',
    90: 'engine_bad_answer',
    130: 'engine_bad_answer',
    170: 'engine_bad_answer',
    210: 'engine_crashed',
  });
  expect(worker.child.exitCode).toBeNull();
});

suite('12: rows that throw, rows that kill their engine: one chunk, two, neighbours', async () => {
  const cluster = await startCluster();
  const count = inForm(6_000, 1_000);
  const throwing = Object.fromEntries(Array.from({ length: count / 1_000 }, (_, n) => [n * 1_000 + 377, '!throw']));
  const deadly = { 100: '!die', 131: '!die', 132: '!abort', 600: '!die' };
  const rows = await cluster.rows(count, { ...throwing, ...deadly });
  const run = await cluster.enqueue(rows.file, { chunkRows: 64 });
  // A lock that no busy machine loses: what is tried again here is tried for its rows.
  const worker = await cluster.worker({ processes: 2, lockMs: 30_000 });
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows, {
    ...Object.fromEntries(Object.keys(throwing).map((row) => [row, 'model_failed'])),
    ...Object.fromEntries(Object.keys(deadly).map((row) => [row, 'engine_crashed'])),
  });
  // The worker outlives its engines, and no chunk was tried twice for them.
  expect(worker.child.exitCode).toBeNull();
  expect(await cluster.counts('SELECT max(attempts) AS most FROM chunks')).toEqual({ most: 1 });
});

suite('12: rows that kill the worker itself: exactly they are row errors', async () => {
  const cluster = await startCluster();
  const deadly = { 5: '!kill-worker', 9: '!kill-worker', 40: '!kill-worker' };
  const rows = await cluster.rows(96, deadly);
  const run = await cluster.enqueue(rows.file, { chunkRows: 32 });
  // A service manager that starts the worker again.
  let ended = false;
  let deaths = 0;
  const manager = (async () => {
    for (;;) {
      const worker = await cluster.worker({ lockMs: inForm(30_000, 1_500), checkMs: inForm(10_000, 300) });
      await worker.ended;
      if (ended) return;
      deaths += 1;
    }
  })();
  await cluster.untilDone(run);
  ended = true;
  await cluster.expectWhole(run, rows, { 5: 'worker_killed', 9: 'worker_killed', 40: 'worker_killed' });
  expect(await cluster.counts('SELECT count(*) AS slices FROM suspect_slices')).toEqual({ slices: 0 });
  expect(deaths).toBeLessThan(20);
  manager.catch(() => {});
});
