import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { type FaultCluster, startCluster } from '../support/fault-cluster.ts';
import { canStartRedis } from '../support/private-redis.ts';

const suite = test.skipIf(!canStartRedis);

/** The jobs of a queue, as BullMQ keeps them in Redis. */
async function openJobs(cluster: FaultCluster) {
  const redis = new Redis(cluster.redis.url);
  onTestFinished(() => redis.disconnect());
  const keyOf = (run: string, chunkNo: number) => `{detoxq}:fault:${run}-${chunkNo}`;
  const read = async (run: string, chunkNo: number): Promise<Record<string, unknown>> =>
    JSON.parse((await redis.hget(keyOf(run, chunkNo), 'data')) ?? '');
  return {
    read,
    async replace(run: string, chunkNo: number, data: string, field = 'data'): Promise<void> {
      await redis.hset(keyOf(run, chunkNo), field, data);
    },
    /** Only this field is left of it. */
    async strip(run: string, chunkNo: number, field: string): Promise<void> {
      const key = keyOf(run, chunkNo);
      const left = (await redis.hget(key, field)) ?? '';
      await redis.multi().del(key).hset(key, field, left).exec();
    },
    async change(run: string, chunkNo: number, change: object): Promise<void> {
      const data = { ...(await read(run, chunkNo)), ...change };
      await redis.hset(keyOf(run, chunkNo), 'data', JSON.stringify(data));
    },
  };
}

function flipped(base64: unknown, at: number): string {
  const bytes = Buffer.from(String(base64), 'base64');
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  return bytes.toString('base64');
}

suite('19: what a queue damages, exchanges or loses of the rows is taken from the ledger', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(160);
  const others = await cluster.rows(16, { 3: 'of another run' });
  const run = await cluster.enqueue(rows.file);
  const other = await cluster.enqueue(others.file);
  const jobs = await openJobs(cluster);
  const { payload } = await jobs.read(run, 0);
  const damaged: readonly unknown[] = [
    flipped(payload, 20),
    String(payload).slice(0, 40),
    (await jobs.read(run, 9)).payload,
    (await jobs.read(other, 0)).payload,
    '',
    'no base64 at all: é§',
    flipped((await jobs.read(run, 6)).payload, 0),
    undefined,
    { an: 'object' },
  ];
  for (const [chunkNo, each] of damaged.entries()) await jobs.change(run, chunkNo, { payload: each });
  const worker = await cluster.worker();
  await cluster.untilDone(run);
  await cluster.untilDone(other);
  await cluster.expectWhole(run, rows);
  await cluster.expectWhole(other, others);
  await worker.stderrMatches(/the queue holds other rows for a chunk than the ledger/);
});

suite('19: jobs that are no jobs any more are dropped, and their chunks are dispatched again', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(160);
  const run = await cluster.enqueue(rows.file);
  const jobs = await openJobs(cluster);
  await jobs.change(run, 0, { chunkNo: 'one' });
  await jobs.change(run, 1, { chunkNo: -1 });
  await jobs.change(run, 2, { runId: null });
  await jobs.change(run, 3, { runId: 'r-not-a-run' });
  await jobs.change(run, 4, { chunkNo: 1e12 });
  for (const [at, data] of ['null', '[]', '7', '"text"', '{broken'].entries()) await jobs.replace(run, 5 + at, data);
  await cluster.worker();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

suite('19: jobs whose other fields are damaged or gone are made anew', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(160);
  const run = await cluster.enqueue(rows.file);
  const jobs = await openJobs(cluster);
  for (const [at, field] of ['ats', 'atm', 'stc', 'opts', 'delay', 'timestamp'].entries()) {
    await jobs.replace(run, at, '{garbage', field);
  }
  for (const [at, field] of ['data', 'timestamp', 'priority'].entries()) await jobs.strip(run, 6 + at, field);
  await cluster.worker();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

suite('19: rows that the ledger holds damaged as well are row errors, and all others have results', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(64);
  const run = await cluster.enqueue(rows.file);
  const jobs = await openJobs(cluster);
  await cluster.database.query(
    `UPDATE detoxq.chunks SET payload = CASE chunk_no WHEN 1 THEN set_byte(payload, 30, get_byte(payload, 30) # 16)
       WHEN 2 THEN substr(payload, 1, 50) ELSE '' END WHERE run_id = $1 AND chunk_no > 0`,
    [run],
  );
  for (const chunkNo of [1, 2, 3]) await jobs.change(run, chunkNo, { payload: '' });
  await cluster.worker();
  await cluster.untilDone(run);
  const lost = rows.rows.slice(16).map(({ rowNo }) => [rowNo, 'payload_damaged'] as const);
  await cluster.expectWhole(run, rows, Object.fromEntries(lost));
});

suite('19: rows that are retried and damaged are those of their row errors', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(32, { 5: '!fault', 6: '!fault' });
  const run = await cluster.enqueue(rows.file);
  const worker = await cluster.worker();
  await cluster.untilDone(run);
  const errors = await cluster.database.query<{ code: string }>('SELECT code FROM detoxq.row_errors');
  expect(errors).toHaveLength(2);
  await worker.kill('SIGTERM');
  await cluster.cli(['retry', run, '--detach']);
  await cluster.database.query("UPDATE detoxq.chunks SET payload = 'damaged' WHERE run_id = $1 AND retrying > 0", [
    run,
  ]);
  await cluster.worker();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows, { 5: errors[0]?.code ?? '', 6: errors[1]?.code ?? '' });
});
