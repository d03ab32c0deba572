import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../src/store/database.ts';
import { createPool } from '../../src/store/pool.ts';
import { verifyRun } from '../../src/store/verify.ts';
import { cliEnvironment } from '../support/cli.ts';
import { type FaultCluster, type FaultWorker, startCluster } from '../support/fault-cluster.ts';
import { expectUndisturbed } from '../support/fault-rows.ts';
import { noOlderVersion, unpackOlderVersion } from '../support/older-version.ts';
import { canStartRedis } from '../support/private-redis.ts';

const suite = test.skipIf(!canStartRedis);
const older = test.skipIf(!canStartRedis || noOlderVersion !== null);
if (noOlderVersion !== null) console.warn(`Tests with workers of an older version are skipped: ${noOlderVersion}.`);

const run = promisify(execFile);

async function claimedBy(database: Database, id: string, worker: FaultWorker): Promise<number> {
  const [row] = await database.query<{ chunks: number }>(
    'SELECT count(*) AS chunks FROM detoxq.chunks WHERE run_id = $1 AND worker = $2',
    [id, `fault/${worker.pid}`],
  );
  return row?.chunks ?? 0;
}

async function shown(cluster: FaultCluster, id: string): Promise<string> {
  return (await cluster.cli(['status', id])).stdout;
}

older('23: a worker of 0.1 takes no chunk of a newer run, and a newer one finishes it beside it', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(160);
  const { worker } = unpackOlderVersion(cluster.folder);
  const old = await cluster.worker({}, worker);
  const id = await cluster.enqueue(rows.file);
  await old.stderrMatches(/needs a newer detoxq than this worker: upgrade it/);
  await cluster.until('a word in status', async () => /an older detoxq.*upgrade it/.test(await shown(cluster, id)));
  const today = await cluster.worker();
  await cluster.untilDone(id);
  await cluster.expectWhole(id, rows);
  expect(await claimedBy(cluster.database, id, old)).toBe(0);
  expect(await claimedBy(cluster.database, id, today)).toBe(10);
});

older('23: a run of 0.1, migrated while a worker of 0.1 works on it, ends with workers of both', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(320);
  const { main, worker } = unpackOlderVersion(cluster.folder);
  await cluster.database.query('CREATE DATABASE older');
  const url = new URL(cluster.postgres.url);
  url.pathname = '/older';
  const env = { ...cluster.env, DATABASE_URL: url.href, DETOXQ_QUEUE: 'older' };
  const database = createPool(url.href, { max: 2, applicationName: 'fault-test' });
  onTestFinished(() => database.close());
  const detoxq = (...args: string[]) => run(process.execPath, [main, ...args], { env: cliEnvironment(env) });
  await detoxq('migrate');
  const { stdout } = await detoxq('enqueue', rows.file, '--chunk-rows', '16');
  const id = stdout.trim();
  const old = await cluster.worker({ databaseUrl: url.href, queue: 'older', rowMs: 100, drainMs: 1_000 }, worker);
  await cluster.until('chunks in work', async () => (await claimedBy(database, id, old)) >= 3);
  expect((await cluster.cli(['migrate'], env)).code).toBe(0);
  const atMigration = await claimedBy(database, id, old);
  // The older one goes on with a run that requires nothing of it.
  await cluster.until('one chunk more', async () => (await claimedBy(database, id, old)) > atMigration);
  const today = await cluster.worker({ databaseUrl: url.href, queue: 'older' });
  // It may hold all chunks that are left: what it cannot finish in time it hands to the other.
  old.child.kill('SIGTERM');
  await cluster.until('the end', async () => {
    const [row] = await database.query<{ state: string }>('SELECT state FROM detoxq.runs WHERE id = $1', [id]);
    return row?.state === 'done';
  });
  expect(await verifyRun(database, id)).toMatchObject({ findings: [], holds: true });
  await expectUndisturbed(database, id, rows.rows);
  expect(await claimedBy(database, id, today)).toBeGreaterThan(0);
});

suite.each([
  ['a feature', "UPDATE detoxq.runs SET requires = array_append(requires, 'of-the-future')", 'requires of-the-future'],
  ['a setting', `UPDATE detoxq.runs SET settings = settings || '{"newKnob": 1}'`, 'newKnob'],
  ['a value', `UPDATE detoxq.runs SET settings = settings || '{"similarity": "bleurt"}'`, 'similarity'],
])('23: %s of a newer version: the worker leaves the run to others, and works on another', async (_, sql, word) => {
  const cluster = await startCluster();
  const rows = await cluster.rows(64);
  const newer = await cluster.enqueue(rows.file);
  await cluster.database.query(sql);
  const worker = await cluster.worker();
  await worker.stderrMatches(/this worker leaves a run to others/);
  const known = await cluster.enqueue(rows.file);
  await cluster.untilDone(known);
  await cluster.expectWhole(known, rows);
  await cluster.until('a word in status', async () => (await shown(cluster, newer)).includes(word));
  expect(await claimedBy(cluster.database, newer, worker)).toBe(0);
  // What only shows a run shows this one; what would work on it says what is in the way.
  expect((await cluster.cli(['status', newer, '--json'])).code).toBe(0);
  expect((await cluster.cli(['verify', newer])).stdout + (await cluster.cli(['verify', newer])).stderr).toContain(
    newer,
  );
  expect((await cluster.cli(['resume', newer])).stderr).toMatch(new RegExp(`${word}.*upgrade it`));
});

suite('23: a worker whose schema becomes newer takes no more chunks, says so, and stays', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(64);
  const worker = await cluster.worker();
  await cluster.database.query(
    "INSERT INTO detoxq.detoxq_migrations (version, name, sha256) VALUES (999, '999_of_the_future', 'none')",
  );
  await worker.stderrMatches(/this worker takes no more chunks/);
  // Commands of this version refuse such a schema; the run was made before.
  await cluster.database.query('DELETE FROM detoxq.detoxq_migrations WHERE version = 999');
  await worker.stderrMatches(/it takes chunks again/);
  const id = await cluster.enqueue(rows.file);
  await cluster.untilDone(id);
  await cluster.expectWhole(id, rows);
  expect(worker.child.exitCode).toBeNull();
});

suite('23: a producer whose schema becomes newer stops reading, and says how to go on', async () => {
  const cluster = await startCluster();
  const pipe = join(cluster.folder, 'pipe');
  await run('mkfifo', [pipe]);
  const producer = cluster.startCli(['enqueue', pipe, '--format', 'txt', '--chunk-rows', '16']);
  const source = await open(pipe, 'w');
  onTestFinished(() => source.close());
  // More than it reads before it waits for workers.
  source.write('a line of text\n'.repeat(100_000)).catch(() => {});
  await cluster.until(
    'chunks',
    async () => ((await cluster.counts('SELECT count(*) AS chunks FROM detoxq.chunks')).chunks ?? 0) > 0,
  );
  await cluster.database.query(
    "INSERT INTO detoxq.detoxq_migrations (version, name, sha256) VALUES (999, '999_of_the_future', 'none')",
  );
  const { code, stderr } = await producer.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /has become newer \(999_of_the_future\) than this detoxq, which stopped reading.*detoxq resume r/,
  );
});
