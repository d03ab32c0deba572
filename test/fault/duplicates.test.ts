import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { jobOf } from '../../src/queue/queue.ts';
import { readChunks } from '../../src/store/chunks.ts';
import { inForm, startCluster } from '../support/fault-cluster.ts';
import { canStartRedis } from '../support/private-redis.ts';

const suite = test.skipIf(!canStartRedis);

suite('13: a storm of duplicate deliveries: each chunk many times, in every worker', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(1_600, 320));
  const run = await cluster.enqueue(rows.file);
  const times = inForm(20, 8);
  const connection = new Redis(cluster.redis.url, { maxRetriesPerRequest: null });
  const queue = new Queue('fault', { connection, prefix: '{detoxq}' });
  onTestFinished(async () => {
    await queue.close();
    connection.disconnect();
  });
  const chunks = await readChunks(
    cluster.database,
    run,
    Array.from({ length: rows.rows.length / 16 }, (_, n) => n),
  );
  for (let time = 0; time < times; time += 1) {
    await queue.addBulk(
      chunks.map((chunk) => ({
        name: 'chunk',
        data: jobOf(run, chunk),
        opts: { jobId: `${run}-${chunk.chunkNo}-again-${time}`, removeOnComplete: true, lifo: time % 2 === 0 },
      })),
    );
  }
  await Promise.all([cluster.worker({ rowMs: 1 }), cluster.worker({ rowMs: 1 })]);
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
  // Those that are left find nothing to do, and change nothing.
  const before = await cluster.database.query('SELECT chunk_no, claims, done_at FROM chunks ORDER BY chunk_no');
  await cluster.until(
    'the end of the storm',
    async () => (await queue.getJobCountByTypes('waiting', 'active', 'delayed')) === 0,
  );
  expect(await cluster.database.query('SELECT chunk_no, claims, done_at FROM chunks ORDER BY chunk_no')).toEqual(
    before,
  );
  await cluster.expectWhole(run, rows);
});

suite('14: two reconcilers that both find every job gone', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(320);
  const run = await cluster.enqueue(rows.file);
  const admin = new Redis(cluster.redis.url);
  onTestFinished(() => admin.disconnect());
  await admin.flushall();
  // Each worker has a reconciler, and looks at once.
  await Promise.all([cluster.worker(), cluster.worker(), cluster.worker()]);
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

suite('15: clocks that are hours off, and step', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(1_600, 480));
  const run = await cluster.enqueue(rows.file);
  const hour = 3_600_000;
  // Every claim fails, and its job pauses before another try: by its worker's clock, until an hour from now.
  await cluster.database.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'asked to refuse' USING ERRCODE = '40001'; END $$`);
  await cluster.database.query('CREATE TRIGGER refuse BEFORE UPDATE ON chunks FOR EACH ROW EXECUTE FUNCTION refuse()');
  const ahead = await cluster.worker({ clockMs: hour });
  await ahead.stderrMatches(/(a chunk was not worked off[\s\S]*){8}/);
  await ahead.kill();
  await cluster.database.query('DROP TRIGGER refuse ON chunks');
  // The server's clock was an hour ahead as well, and was set right.
  await cluster.database.query("UPDATE runs SET reconciled_at = now() + interval '1 hour'");
  const right = await cluster.worker({ rowMs: 4 });
  const behind = await cluster.worker({ rowMs: 4, clockMs: -hour });
  await right.order(`clock ${-hour}`);
  await behind.order(`clock ${hour}`);
  await right.order('clock 0');
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});
