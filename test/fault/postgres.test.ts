import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { ADMINISTERED, ADMINISTERED_17, alterSet, wholeRun } from '../support/administered.ts';
import { type FaultCluster, inForm, startCluster } from '../support/fault-cluster.ts';
import { type FaultPooler, type OptionsRule, startFaultPooler } from '../support/fault-pooler.ts';
import { canStartRedis } from '../support/private-redis.ts';

const suite = test.skipIf(!canStartRedis);

async function underWay(cluster: FaultCluster, run: string): Promise<void> {
  await cluster.until('a part of the run', async () => {
    const { done } = await cluster.counts(
      "SELECT count(*) FILTER (WHERE state = 'done') AS done FROM chunks WHERE run_id = $1",
      [run],
    );
    return (done ?? 0) >= 4;
  });
}

suite('6: Postgres stopped in immediate mode and started again', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(3_200, 640));
  const run = await cluster.enqueue(rows.file);
  const worker = await cluster.worker({ rowMs: 4 });
  for (let time = 0; time < inForm(3, 1); time += 1) {
    await underWay(cluster, run);
    await cluster.postgres.stop();
    await worker.stderrMatches(/Postgres at .* cannot be used/);
    await cluster.postgres.start();
  }
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
  expect(worker.child.exitCode).toBeNull();
});

suite('6: Postgres has no connection left', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(3_200, 640));
  const run = await cluster.enqueue(rows.file);
  const worker = await cluster.worker({ rowMs: 4 });
  await underWay(cluster, run);
  const others: pg.Client[] = [];
  onTestFinished(() => Promise.all(others.map((each) => each.end().catch(() => {}))).then(() => {}));
  const terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'fault/%'";
  // Everybody else takes what there is, again and again, until the worker is left without.
  for (let full = false; !full; ) {
    const client = new pg.Client({ connectionString: cluster.postgres.url });
    client.on('error', () => {});
    try {
      await client.connect();
      others.push(client);
    } catch {
      await others[0]?.query(terminate);
      full = await Promise.race([
        worker.stderrMatches(/it has no connection left/).then(() => true),
        new Promise<false>((resolve) => setTimeout(() => resolve(false), 20)),
      ]);
    }
  }
  await Promise.all(others.splice(0).map((each) => each.end()));
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

suite('6: its disk is full', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(320);
  const run = await cluster.enqueue(rows.file);
  await cluster.database.query(`
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
  await cluster.database.query(
    'CREATE TRIGGER full_disk BEFORE INSERT ON results FOR EACH ROW EXECUTE FUNCTION full_disk()',
  );
  const worker = await cluster.worker();
  await worker.stderrMatches(/its disk is full: free some space/);
  expect(await cluster.counts('SELECT count(*) AS results FROM results')).toEqual({ results: 0 });
  await cluster.database.query('DROP TRIGGER full_disk ON results');
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

suite('6: a deadlock in which the worker is the victim', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(16);
  const run = await cluster.enqueue(rows.file);
  const other = new pg.Client({ connectionString: cluster.postgres.url });
  await other.connect();
  onTestFinished(() => other.end());
  // The worker looks for a deadlock once, so long after it began to wait: by then there must be one.
  await cluster.database.query("ALTER DATABASE postgres SET deadlock_timeout = '5s'");
  await other.query("SET deadlock_timeout = '10min'");
  await other.query('BEGIN');
  // The worker marks the chunk, and waits to insert its results; we wait for the chunk.
  await other.query(`LOCK TABLE results_${run} IN SHARE MODE`);
  await cluster.worker();
  await cluster.until('the worker that waits', async () => {
    const { waiting } = await cluster.counts(
      "SELECT count(*) AS waiting FROM pg_stat_activity WHERE application_name LIKE 'fault/%' AND wait_event_type = 'Lock'",
    );
    return waiting === 1;
  });
  await other.query('UPDATE chunks SET worker = worker WHERE run_id = $1', [run]);
  await cluster.until('the deadlock', async () => {
    const { deadlocks } = await cluster.counts('SELECT sum(deadlocks)::integer AS deadlocks FROM pg_stat_database');
    return deadlocks === 1;
  });
  await other.query('COMMIT');
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

/** In front of the cluster's Postgres, which then asks no one for a password. */
async function poolerBefore(cluster: FaultCluster, rule?: OptionsRule): Promise<{ pooler: FaultPooler; url: string }> {
  await writeFile(join(cluster.folder, 'postgres', 'pg_hba.conf'), 'host all all 127.0.0.1/32 trust\n');
  await cluster.database.query('SELECT pg_reload_conf()');
  const url = new URL(cluster.postgres.url);
  const pooler = await startFaultPooler(cluster.postgres.port, url.username, url.pathname.slice(1), 3, rule);
  onTestFinished(() => pooler.close());
  url.port = String(pooler.port);
  return { pooler, url: url.href };
}

suite.each<OptionsRule>(['refuse', 'pass over'])(
  '6: settings of the user, behind a pooler that does "%s" those of a session',
  async (rule) => {
    const cluster = await startCluster();
    const { url: serverUrl } = cluster.postgres;
    const undisturbed = await wholeRun(cluster.folder, { url: serverUrl, redisUrl: cluster.redis.url });
    await cluster.database.query('DROP SCHEMA detoxq CASCADE');
    const user = new URL(serverUrl).username;
    // What a pooler asks for itself is its own affair; and a look at the settings must be possible.
    const own = ['idle_session_timeout', 'client_encoding', 'TimeZone', 'statement_timeout', 'jit_above_cost'];
    const theirs = ADMINISTERED.filter(([name]) => !own.includes(name));
    const settings = [...theirs, ...ADMINISTERED_17, ['statement_timeout', '50'] as const];
    for (const statement of alterSet(`ROLE "${user}"`, settings)) await cluster.database.query(statement);
    const { url } = await poolerBefore(cluster, rule);
    expect(await wholeRun(cluster.folder, { url, redisUrl: cluster.redis.url, serverUrl, newer: true })).toEqual(
      undisturbed,
    );
  },
);

suite('6: behind a pooler that gives each transaction another session', async () => {
  const cluster = await startCluster();
  const { pooler, url } = await poolerBefore(cluster);
  const rows = await cluster.rows(inForm(3_200, 640));
  const env = { DATABASE_URL: url };
  expect((await cluster.cli(['migrate'], env)).code).toBe(0);
  const enqueued = await cluster.cli(['enqueue', rows.file, '--chunk-rows', '16'], env);
  expect(enqueued.code, enqueued.stderr).toBe(0);
  const run = enqueued.stdout.trim();
  await Promise.all([cluster.worker({ databaseUrl: url }), cluster.worker({ databaseUrl: url })]);
  await cluster.untilDone(run);
  const verify = await cluster.cli(['verify', run], env);
  expect(verify.code, verify.stdout + verify.stderr).toBe(0);
  await cluster.expectWhole(run, rows);
  expect(pooler.moves()).toBeGreaterThan(10);
});

/** Does `disturb` again and again until the run is done, at least 20 times. */
async function disturbed(
  cluster: FaultCluster,
  run: string,
  everyMs: number,
  disturb: () => Promise<void>,
): Promise<void> {
  let times = 0;
  let done = false;
  const end = cluster.untilDone(run).finally(() => {
    done = true;
  });
  while (!done) {
    await disturb();
    times += 1;
    await Promise.race([end, pause(everyMs * Math.random())]);
  }
  await end;
  expect(times).toBeGreaterThan(20);
}

/** No claim is counted that the worker did not live with: what Postgres does is no fault of a chunk. */
async function expectClaimsCounted(cluster: FaultCluster, run: string): Promise<void> {
  const { attempts, slices } = await cluster.counts(
    `SELECT max(attempts) AS attempts, (SELECT count(*) FROM suspect_slices) AS slices FROM chunks WHERE run_id = $1`,
    [run],
  );
  expect({ attempts, slices }).toEqual({ attempts: 1, slices: 0 });
}

suite('6: an administrator cancels statements at random', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(3_200, 640));
  const run = await cluster.enqueue(rows.file);
  await cluster.worker({ rowMs: 4 });
  await disturbed(cluster, run, 30, async () => {
    await cluster.database.query(
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'fault/%' AND state = 'active'",
    );
  });
  await cluster.expectWhole(run, rows);
  await expectClaimsCounted(cluster, run);
  const { claims, chunks } = await cluster.counts(
    'SELECT sum(claims)::integer AS claims, count(*) AS chunks FROM chunks WHERE run_id = $1',
    [run],
  );
  expect(claims).toBe(chunks);
});

suite('6: an administrator ends sessions at random', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(inForm(3_200, 640));
  const run = await cluster.enqueue(rows.file);
  await Promise.all([cluster.worker({ rowMs: 4 }), cluster.worker({ rowMs: 4 })]);
  await disturbed(cluster, run, 60, async () => {
    await cluster.database.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'fault/%' ORDER BY random() LIMIT 1",
    );
  });
  await cluster.expectWhole(run, rows);
  await expectClaimsCounted(cluster, run);
});

suite('6: a pooler ends sessions at random', async () => {
  const cluster = await startCluster();
  const { pooler, url } = await poolerBefore(cluster, 'refuse');
  const rows = await cluster.rows(inForm(3_200, 640));
  const run = await cluster.enqueue(rows.file);
  await cluster.worker({ databaseUrl: url, rowMs: 4 });
  await disturbed(cluster, run, 120, async () => pooler.endSessions());
  await cluster.expectWhole(run, rows);
  await expectClaimsCounted(cluster, run);
});

suite('6: a statement over more runs than Postgres has locks for', async () => {
  const cluster = await startCluster();
  await cluster.database.query(`
    DO $$ BEGIN
      FOR number IN 1..1500 LOOP
        INSERT INTO detoxq.runs (id, source, settings, settings_hash)
          VALUES ('r' || lpad(number::text, 7, '0'), '{}', '{}', repeat('0', 64));
        PERFORM detoxq.create_results_partition('r' || lpad(number::text, 7, '0'));
        COMMIT;
      END LOOP;
    END $$`);
  await cluster.database.query('ALTER SYSTEM SET max_locks_per_transaction = 10');
  await cluster.postgres.stop();
  await cluster.postgres.start();
  const refused = await cluster.cli(['query', 'SELECT count(*) FROM results']);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('raise max_locks_per_transaction') });
  // Commands name their run.
  const rows = await cluster.rows(32);
  const run = await cluster.enqueue(rows.file);
  await cluster.worker();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
  for (const args of [['status'], ['status', run], ['verify', run], ['delete', run, '--yes'], ['migrate']]) {
    const { code, stderr } = await cluster.cli(args);
    expect(code, stderr).toBe(0);
  }
});

suite('6: an administrator limits statements while workers work, behind a pooler', async () => {
  const cluster = await startCluster();
  const { url } = await poolerBefore(cluster, 'refuse');
  const rows = await cluster.rows(inForm(3_200, 640));
  const run = await cluster.enqueue(rows.file);
  // As on a slow disk: every claim and every completion takes longer than it may.
  await cluster.database.query(`
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END $$`);
  await cluster.database.query('CREATE TRIGGER slow AFTER UPDATE ON chunks FOR EACH STATEMENT EXECUTE FUNCTION slow()');
  await cluster.worker({ databaseUrl: url });
  await underWay(cluster, run);
  await cluster.database.query("ALTER SYSTEM SET statement_timeout = '50ms'");
  await cluster.database.query("ALTER SYSTEM SET idle_in_transaction_session_timeout = '50ms'");
  await cluster.database.query('SELECT pg_reload_conf()');
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
  await expectClaimsCounted(cluster, run);
});
