import { appendFile, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { inForm, startCluster } from '../support/fault-cluster.ts';
import { canStartRedis } from '../support/private-redis.ts';

const suite = test.skipIf(!canStartRedis);
const LEDGER = 'SELECT count(*) AS chunks, coalesce(max(chunk_no), -1) AS last FROM chunks';

suite('2: the producer killed by SIGKILL in the middle of enqueueing; resume goes on from the ledger', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(30_000, 12_000));
  const producer = cluster.startCli(['enqueue', rows.file, '--chunk-rows', '4']);
  await cluster.until('half of the ledger', async () => ((await cluster.counts(LEDGER)).chunks ?? 0) > 300);
  producer.child.kill('SIGKILL');
  const run = (await producer.ended).stdout.trim();
  const { chunks } = await cluster.counts(LEDGER);
  const before = await cluster.database.query('SELECT state, rows_total FROM runs WHERE id = $1', [run]);
  expect(before).toEqual([{ state: 'enqueueing', rows_total: null }]);
  expect(chunks).toBeLessThan(rows.rows.length / 4);

  // What is in the ledger is worked off meanwhile; the run is not done with it.
  await cluster.worker();
  await cluster.until('the chunks before', async () => {
    const { open } = await cluster.counts("SELECT count(*) AS open FROM chunks WHERE state <> 'done'");
    return open === 0;
  });
  const doneBefore = await cluster.database.query('SELECT chunk_no, claims, done_at FROM chunks ORDER BY chunk_no');
  const resumed = await cluster.readOn(run).ended;
  expect(resumed.code, resumed.stderr).toBe(0);
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
  const doneAfter = await cluster.database.query(
    'SELECT chunk_no, claims, done_at FROM chunks WHERE chunk_no < $1 ORDER BY chunk_no',
    [doneBefore.length],
  );
  expect(doneAfter).toEqual(doneBefore);
});

suite('14: two producers on one source and run', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(30_000, 8_000));
  const first = cluster.startCli(['enqueue', rows.file, '--chunk-rows', '4']);
  await cluster.until('its first chunks', async () => ((await cluster.counts(LEDGER)).chunks ?? 0) > 0);
  const [{ id } = { id: '' }] = await cluster.database.query<{ id: string }>('SELECT id FROM runs');
  const second = cluster.readOn(id);
  await cluster.worker();
  expect((await first.ended).code).toBe(0);
  await cluster.untilDone(id);
  const { code, stderr } = await second.ended;
  expect(code, stderr).toBe(0);
  await cluster.expectWhole(id, rows);
});

suite('14: two migrations at once', async () => {
  const cluster = await startCluster();
  await cluster.database.query('CREATE DATABASE fresh TEMPLATE template0');
  const url = new URL(cluster.postgres.url);
  url.pathname = '/fresh';
  const results = await Promise.all([1, 2, 3].map(() => cluster.cli(['migrate'], { DATABASE_URL: url.href })));
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
});

suite('16: a source that changed before resume is refused with the reason', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(12_000);
  const producer = cluster.startCli(['enqueue', rows.file, '--chunk-rows', '4']);
  await cluster.until('a part of the ledger', async () => ((await cluster.counts(LEDGER)).chunks ?? 0) > 100);
  producer.child.kill('SIGKILL');
  const run = (await producer.ended).stdout.trim();
  const { atime, mtime } = await stat(rows.file);
  await appendFile(rows.file, 'k,"one more"\n');
  await utimes(rows.file, atime, mtime);
  const grown = await cluster.cli(['resume', run]);
  expect(grown).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/is not the file the run was started with \(\d+ bytes then, \d+ now\)/),
  });
  await writeFile(rows.file, 'gone');
  expect(await cluster.cli(['resume', run])).toMatchObject({ code: 1 });
  // What was in the ledger is none the worse; Postgres may have got more of it from the producer than this sees yet.
  const { chunks = Number.NaN } = await cluster.counts(LEDGER);
  await cluster.worker();
  await cluster.until('the chunks before', async () => {
    const { done = 0, open } = await cluster.counts(
      "SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state <> 'done') AS open FROM chunks",
    );
    return done >= chunks && open === 0;
  });
});

suite('16: a source that changes while it is read is refused with the reason', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(6_000);
  // The queue is full before all is read, so that the producer is still at it when its file is changed.
  const producer = cluster.startCli(['enqueue', rows.file, '--chunk-rows', '4']);
  await cluster.until('a part of the ledger', async () => ((await cluster.counts(LEDGER)).chunks ?? 0) > 16);
  producer.child.kill('SIGSTOP');
  await writeFile(rows.file, (await readFile(rows.file, 'utf8')).replaceAll('kind', 'mild'));
  producer.child.kill('SIGCONT');
  await cluster.worker();
  const { code, stderr } = await producer.ended;
  expect(code, stderr).toBe(1);
  expect(stderr).toMatch(/changed while it was read/);
});
