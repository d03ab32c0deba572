import { expect, test } from 'vitest';
import { type FaultCluster, startCluster } from '../support/fault-cluster.ts';
import { canStartRedis } from '../support/private-redis.ts';

const suite = test.skipIf(!canStartRedis);

/** A trigger on a table, which is called for each row that is written. */
async function refuse(
  cluster: FaultCluster,
  table: string,
  condition: string,
  raise: string,
): Promise<() => Promise<void>> {
  await cluster.database.query(`
    CREATE FUNCTION refuse_${table}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF ${condition} THEN ${raise}; END IF; RETURN NEW; END $$`);
  await cluster.database.query(
    `CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON detoxq.${table} FOR EACH ROW EXECUTE FUNCTION refuse_${table}()`,
  );
  return async () => {
    await cluster.database.query(`DROP TRIGGER refuse ON detoxq.${table}`);
  };
}

/** The row errors, the ledger, the runs' rows and the log of a worker, as text. */
async function everythingSaid(cluster: FaultCluster, log: string): Promise<string> {
  const rows = await cluster.database.query(
    `SELECT message, code FROM detoxq.row_errors UNION ALL SELECT last_fault, state FROM detoxq.chunks
     UNION ALL SELECT problem, name FROM detoxq.workers`,
  );
  return JSON.stringify(rows) + log;
}

async function reasonsOf(cluster: FaultCluster, run: string): Promise<string> {
  const { stdout } = await cluster.cli(['status', run]);
  return stdout;
}

suite('18: a constraint of the user refuses single rows: they are row errors, all others are stored', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(160);
  const refused = [0, 37, 38, 63, 64, 159];
  await cluster.database.query(
    `ALTER TABLE detoxq.results ADD CONSTRAINT no_such_rows CHECK (row_no NOT IN (${refused.join(', ')}))`,
  );
  const run = await cluster.enqueue(rows.file, { chunkRows: 50 });
  await cluster.worker();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows, Object.fromEntries(refused.map((rowNo) => [rowNo, 'not_storable'])));
  const [error] = await cluster.database.query<{ message: string; stage: string }>(
    'SELECT message, stage FROM detoxq.row_errors WHERE run_id = $1 LIMIT 1',
    [run],
  );
  expect(error).toEqual({
    stage: 'write',
    message: 'Postgres does not store this row: a check constraint does not hold (23514; constraint no_such_rows).',
  });
  // The rows are kept with their errors: without the constraint, a retry stores them.
  await cluster.database.query('ALTER TABLE detoxq.results DROP CONSTRAINT no_such_rows');
  expect((await cluster.cli(['retry', run, '--detach'])).stderr).toContain('6');
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

suite('18: a trigger that puts the text of rows into its words: they reach no table and no log', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(96);
  await refuse(
    cluster,
    'results',
    'NEW.row_no IN (5, 64)',
    "RAISE EXCEPTION 'never %', NEW.text USING DETAIL = NEW.text",
  );
  const run = await cluster.enqueue(rows.file, { chunkRows: 32 });
  const worker = await cluster.worker();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows, { 5: 'not_storable', 64: 'not_storable' });
  expect(await everythingSaid(cluster, (await worker.stderrMatches(/[\s\S]+/))[0])).not.toMatch(
    /never|a kind one|a toxic one/,
  );
});

suite('18: every row is refused: every row is a row error, and a retry stores them later', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(64);
  const allow = await refuse(cluster, 'results', 'true', "RAISE EXCEPTION 'closed' USING ERRCODE = 'UE001'");
  const run = await cluster.enqueue(rows.file, { chunkRows: 32 });
  await cluster.worker();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows, Object.fromEntries(rows.rows.map(({ rowNo }) => [rowNo, 'not_storable'])));
  await allow();
  await cluster.cli(['retry', run, '--detach']);
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

suite('18: what refuses row errors as well is no fault of a row: status says it, and the run ends when it is mended', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(32);
  const allow = [
    await refuse(cluster, 'results', 'NEW.row_no = 3', "RAISE EXCEPTION 'closed'"),
    await refuse(cluster, 'row_errors', 'true', "RAISE EXCEPTION 'closed'"),
  ];
  const run = await cluster.enqueue(rows.file, { chunkRows: 16 });
  await cluster.worker();
  await cluster.until('a word in status', async () => /1 chunk failed/.test(await reasonsOf(cluster, run)));
  expect(await reasonsOf(cluster, run)).toMatch(/a trigger or function of this database refuses it \(P0001\)/);
  expect(await cluster.counts('SELECT count(*) AS errors FROM detoxq.row_errors')).toEqual({ errors: 0 });
  for (const each of allow) await each();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

suite('18: a mistake of an administrator makes no row error: the run goes on when it is undone', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(64);
  await cluster.database.query('ALTER TABLE detoxq.results RENAME COLUMN similarity TO similarity_');
  const run = await cluster.enqueue(rows.file, { chunkRows: 16 });
  await cluster.worker();
  await cluster.until('a word in status', async () => /chunks? failed/.test(await reasonsOf(cluster, run)));
  expect(await cluster.counts('SELECT count(*) AS errors FROM detoxq.row_errors')).toEqual({ errors: 0 });
  await cluster.database.query('ALTER TABLE detoxq.results RENAME COLUMN similarity_ TO similarity');
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
  expect(await cluster.counts('SELECT max(faults) AS faults, count(last_fault) AS reasons FROM detoxq.chunks')).toEqual(
    {
      faults: 0,
      reasons: 0,
    },
  );
});

suite('18: killed while it looks for the row at fault, the next worker finds it', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(64);
  await refuse(cluster, 'results', 'NEW.row_no = 9', "PERFORM pg_sleep(0.2); RAISE EXCEPTION 'closed'");
  const run = await cluster.enqueue(rows.file, { chunkRows: 64 });
  const first = await cluster.worker();
  await first.stderrMatches(/(results cannot be written yet[\s\S]*){3}/);
  await first.kill();
  await cluster.worker();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows, { 9: 'not_storable' });
});

suite('18: a chunk that its workers do not survive decoding ends', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(32);
  // The ledger hears that a worker is about to decode, and not, for a minute, that it could.
  await refuse(cluster, 'chunks', "NEW.state = 'active' AND NEW.decoding < OLD.decoding", 'PERFORM pg_sleep(60)');
  const run = await cluster.enqueue(rows.file, { chunkRows: 16 });
  await cluster.database.query('UPDATE detoxq.chunks SET attempts = 3 WHERE run_id = $1 AND chunk_no = 1', [run]);
  for (let deaths = 1; deaths <= 2; deaths += 1) {
    const worker = await cluster.worker();
    await cluster.until('the intent', async () => {
      const { decoding } = await cluster.counts('SELECT max(decoding) AS decoding FROM detoxq.chunks');
      return decoding === deaths;
    });
    await worker.kill();
    await cluster.database.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'fault/%'",
    );
  }
  await cluster.worker();
  await cluster.untilDone(run);
  const killed = Array.from({ length: 16 }, (_, at) => [16 + at, 'worker_killed'] as const);
  await cluster.expectWhole(run, rows, Object.fromEntries(killed));
});

suite('18: revoked rights are no fault of a row: the run goes on when they are granted again', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(64);
  await cluster.database.query("CREATE ROLE clerk LOGIN PASSWORD 'clerk'");
  await cluster.cli(['migrate', '--roles']);
  await cluster.database.query('GRANT detoxq_worker TO clerk');
  await cluster.database.query('REVOKE INSERT ON detoxq.results FROM detoxq_worker');
  const run = await cluster.enqueue(rows.file, { chunkRows: 16 });
  const url = new URL(cluster.postgres.url);
  url.username = 'clerk';
  url.password = 'clerk';
  await cluster.worker({ databaseUrl: url.href });
  await cluster.until('a word in status', async () => /chunks? failed/.test(await reasonsOf(cluster, run)));
  expect(await cluster.counts('SELECT count(*) AS errors FROM detoxq.row_errors')).toEqual({ errors: 0 });
  await cluster.database.query('GRANT INSERT ON detoxq.results TO detoxq_worker');
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});

suite('18: a row that is too large for an index of the user is a row error', async () => {
  const cluster = await startCluster();
  // Postgres compresses what repeats, so that it would fit.
  const long = Array.from({ length: 600 }, (_, at) => (at * at * 7919 + at * 104_729).toString(36)).join(' ');
  const rows = await cluster.rows(32, { 20: `${long} ${[...long].reverse().join('')}` });
  await cluster.database.query('CREATE INDEX ON detoxq.results (text)');
  const run = await cluster.enqueue(rows.file);
  await cluster.worker();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows, { 20: 'not_storable' });
});

suite('18: a passing fault in the words of a trigger: the words are not passed on', async () => {
  const cluster = await startCluster();
  const rows = await cluster.rows(16);
  const allow = await refuse(cluster, 'results', 'true', "RAISE EXCEPTION 'never %', NEW.text USING ERRCODE = '53000'");
  const run = await cluster.enqueue(rows.file);
  const worker = await cluster.worker();
  await worker.stderrMatches(/results cannot be written yet/);
  const log = (await worker.stderrMatches(/[\s\S]+/))[0];
  expect(await everythingSaid(cluster, log)).not.toMatch(/never|a kind one|a toxic one/);
  await allow();
  await cluster.untilDone(run);
  await cluster.expectWhole(run, rows);
});
