import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type FaultWorker, inForm, startCluster } from '../support/fault-cluster.ts';
import { canStartRedis } from '../support/private-redis.ts';

const suite = test.skipIf(!canStartRedis);
const DONE = "SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) AS all FROM chunks WHERE run_id = $1";

suite('undisturbed, a run is what the fake engine says about each row', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(200, { 7: '!fault' });
  const run = await cluster.enqueue(rows.file);
  await cluster.worker();
  await cluster.untilDone(run);
  const verify = await cluster.cli(['verify', run]);
  expect(verify.code, verify.stdout).toBe(0);
  await cluster.expectWhole(run, rows, { 7: 'fake_fault' });
});

suite('1: workers killed by SIGKILL again and again, under load', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(6_000, 1_600));
  const run = await cluster.enqueue(rows.file);
  const kills = inForm(12, 3);
  const workers: FaultWorker[] = await Promise.all([cluster.worker({ rowMs: 2 }), cluster.worker({ rowMs: 2 })]);
  for (let kill = 0; kill < kills; kill += 1) {
    // Each dies with chunks that it has started.
    const victim = workers.shift();
    await cluster.until('a chunk in the victim’s hands', async () => {
      const { active, all, done } = await cluster.counts(
        `SELECT count(*) FILTER (WHERE state = 'active' AND worker = $2) AS active,
           count(*) FILTER (WHERE state = 'done') AS done, count(*) AS all FROM chunks WHERE run_id = $1`,
        [run, `fault/${victim?.pid}`],
      );
      return (active ?? 0) > 0 || all === done;
    });
    await victim?.kill();
    workers.push(await cluster.worker({ rowMs: 2 }));
  }
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
  const { most } = await cluster.counts('SELECT max(claims) AS most FROM chunks WHERE run_id = $1', [run]);
  expect(most).toBeGreaterThan(1);
});

suite('3: SIGKILL between the commit of a chunk and the completion of its job', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(16);
  const run = await cluster.enqueue(rows.file);
  const queue = await cluster.queue();
  const victim = await cluster.worker();
  // The chunk's results commit and the worker's next statement, which ends the run, waits for this transaction:
  // there it dies.
  await cluster.database.transaction(async (connection) => {
    await connection.query('SELECT FROM runs WHERE id = $1 FOR UPDATE', [run]);
    await cluster.until('the chunk’s commit', async () => (await cluster.counts(DONE, [run])).done === 1);
    await victim.kill();
  });
  expect(await queue.depth()).toBe(1);
  await cluster.worker();
  await cluster.untilDone(run);
  await cluster.until('an empty queue', async () => (await queue.depth()) === 0);
  await cluster.expectWhole(run, rows);
  expect(await cluster.counts('SELECT claims FROM chunks WHERE run_id = $1', [run])).toEqual({ claims: 1 });
});

suite('4: the worker of one chunk is killed five times', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(64);
  const run = await cluster.enqueue(rows.file, { chunkRows: 64 });
  for (let kill = 1; kill <= 5; kill += 1) {
    const victim = await cluster.worker({ rowMs: 50 });
    await cluster.until(`claim ${kill}`, async () => {
      const { claims } = await cluster.counts("SELECT claims FROM chunks WHERE run_id = $1 AND state = 'active'", [
        run,
      ]);
      return claims === kill;
    });
    await victim.kill();
  }
  await cluster.worker();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
  expect(await cluster.counts('SELECT attempts FROM chunks WHERE run_id = $1', [run])).toEqual({ attempts: 6 });
});

suite('7: a worker stopped by SIGSTOP past its lock, then continued: the zombie writes nothing', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(64);
  const run = await cluster.enqueue(rows.file, { chunkRows: 64 });
  // Slow enough that it is still at work when it is stopped, however busy the machine. When it wakes, nothing that it
  // waited for has timed out: it goes on to the end, and tries to write.
  const zombie = await cluster.worker({ rowMs: 100, hangAfterMs: 600_000, answerTimeoutMs: 600_000 });
  await cluster.until('its claim', async () => {
    const { claims } = await cluster.counts('SELECT claims FROM chunks WHERE run_id = $1', [run]);
    return claims === 1;
  });
  zombie.child.kill('SIGSTOP');
  const heir = await cluster.worker();
  await cluster.untilDone(run);
  const before = await cluster.database.query('SELECT claims, worker, done_at FROM chunks WHERE run_id = $1', [run]);
  zombie.child.kill('SIGCONT');
  await zombie.stderrMatches(/done or taken over meanwhile/);
  expect(await cluster.database.query('SELECT claims, worker, done_at FROM chunks WHERE run_id = $1', [run])).toEqual(
    before,
  );
  expect(before).toMatchObject([{ claims: 2, worker: `fault/${heir.pid}` }]);
  await cluster.expectWhole(run, rows);
});

suite('8: an event loop blocked for less than the lock lasts loses nothing, for longer only the work', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(64);
  const claimed = (run: string) =>
    cluster.until('its claim', async () => {
      const { claims } = await cluster.counts('SELECT claims FROM chunks WHERE run_id = $1', [run]);
      return (claims ?? 0) > 0;
    });
  // Locks are renewed when half of their time is over: a block that is shorter than the other half is never noticed.
  const options = { rowMs: inForm(300, 60), lockMs: inForm(30_000, 12_000) };
  const pair = await Promise.all([cluster.worker(options), cluster.worker(options)]);
  const short = await cluster.enqueue(rows.file, { chunkRows: 64 });
  await claimed(short);
  const [{ worker } = { worker: '' }] = await cluster.database.query<{ worker: string }>(
    'SELECT worker FROM chunks WHERE run_id = $1',
    [short],
  );
  await pair.find(({ pid }) => worker === `fault/${pid}`)?.order(`block ${inForm(12_000, 1_500)}`);
  await cluster.untilDone(short);
  await cluster.expectWhole(short, rows);
  expect(await cluster.counts('SELECT claims FROM chunks WHERE run_id = $1', [short])).toEqual({ claims: 1 });
  await Promise.all(pair.map((each) => each.kill()));

  // Longer than the lock lasts: the chunk goes to another worker, and the blocked one writes nothing.
  const long = await cluster.enqueue(rows.file, { chunkRows: 64 });
  const blocked = await cluster.worker({ rowMs: 60, answerTimeoutMs: 600_000 });
  await claimed(long);
  const block = join(cluster.folder, 'block');
  await writeFile(block, '');
  const unblocked = blocked.order(`block-while ${block}`);
  const heir = await cluster.worker();
  await cluster.untilDone(long);
  const before = await cluster.database.query('SELECT claims, worker, done_at FROM chunks WHERE run_id = $1', [long]);
  expect(before).toMatchObject([{ claims: 2, worker: `fault/${heir.pid}` }]);
  await rm(block);
  await unblocked;
  await blocked.stderrMatches(/done or taken over meanwhile/);
  expect(await cluster.database.query('SELECT claims, worker, done_at FROM chunks WHERE run_id = $1', [long])).toEqual(
    before,
  );
  await cluster.expectWhole(long, rows);
});

suite('9: SIGTERM of all workers under load: drained in time, and nothing is left for a stalled check', async () => {
  const cluster = await startCluster();
  const times = inForm(10, 3);
  const rows = await cluster.rows(times * 320);
  const run = await cluster.enqueue(rows.file);
  const queue = await cluster.queue();
  for (let time = 0; time < times; time += 1) {
    // Every other time, what is under way takes longer than the deadline, and is handed back.
    // A lock that no busy machine loses, and that nothing here may wait for.
    const options = time % 2 === 0 ? { rowMs: 10, lockMs: 30_000 } : { rowMs: 80, lockMs: 30_000, drainMs: 500 };
    const workers = await Promise.all([cluster.worker(options), cluster.worker(options)]);
    const before = await cluster.counts(DONE, [run]);
    await cluster.until('load', async () => {
      const { active } = await cluster.counts(
        "SELECT count(DISTINCT worker) AS active FROM chunks WHERE run_id = $1 AND state = 'active'",
        [run],
      );
      const { done, all } = await cluster.counts(DONE, [run]);
      return active === 2 || done === all || (done ?? 0) > (before.done ?? 0) + 16;
    });
    const startedMs = performance.now();
    for (const worker of workers) worker.child.kill('SIGTERM');
    for (const worker of workers) expect((await worker.ended).code).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan((options.drainMs ?? inForm(25_000, 5_000)) + 6_000);
    const left = await cluster.counts(
      `SELECT count(*) FILTER (WHERE state = 'active') AS active, count(*) FILTER (WHERE state = 'queued') AS queued
       FROM chunks WHERE run_id = $1`,
      [run],
    );
    expect(left.active).toBe(0);
    // All of them wait to be taken: none is locked, none pauses.
    expect(await queue.depth()).toBe(left.queued);
  }
  await Promise.all([cluster.worker(), cluster.worker()]);
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
  // An orderly stop is no failed attempt of the chunk.
  expect(await cluster.counts('SELECT max(attempts) AS most FROM chunks WHERE run_id = $1', [run])).toEqual({
    most: 1,
  });
});
