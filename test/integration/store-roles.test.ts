import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appendChunks, ledgerEnd, readChunks } from '../../src/store/chunks.ts';
import type { Database } from '../../src/store/database.ts';
import { deleteRun } from '../../src/store/delete.ts';
import { inSchema } from '../../src/store/in-schema.ts';
import { migrate, requireCurrentSchema } from '../../src/store/migrate.ts';
import { createPool } from '../../src/store/pool.ts';
import { readSummary } from '../../src/store/progress.ts';
import { streamResults, streamRowErrors } from '../../src/store/results.ts';
import { reopenRowErrors } from '../../src/store/retry.ts';
import { createRoles, ROLES } from '../../src/store/roles.ts';
import { beginReconciling, changeRun, createRun, finishEnqueue, finishRunIfDone } from '../../src/store/runs.ts';
import { verifyRun } from '../../src/store/verify.ts';
import { beatProducer, beatWorker, readWorkers, removeProducer, removeWorker } from '../../src/store/workers.ts';
import { createTestDatabase, onServer, type TestDatabase } from '../support/database.ts';
import { finishedRun, outcomeOf, SETTINGS, sourceChunks } from '../support/ledger.ts';
import { claimChunk, completeChunk } from '../support/one-chunk.ts';

let fixture: TestDatabase;
let before: string[];
const users: Record<string, Database> = {};
const names: string[] = [];
const user = (role: (typeof ROLES)[number]): Database => users[role]!;

beforeAll(async () => {
  fixture = await createTestDatabase();
  const listed = await fixture.database.query<{ rolname: string }>('SELECT rolname FROM pg_roles');
  before = listed.map(({ rolname }) => rolname);
  await createRoles(fixture.database);
  await createRoles(fixture.database);
  for (const role of ROLES) {
    const name = `${role}_test_${randomBytes(3).toString('hex')}`;
    names.push(name);
    await onServer(`CREATE ROLE ${name} LOGIN PASSWORD 'secret' IN ROLE ${role}`);
    const url = new URL(fixture.url);
    url.username = name;
    url.password = 'secret';
    users[role] = createPool(url.href, { max: 2, applicationName: 'roles-test' });
  }
});
afterAll(async () => {
  for (const pool of Object.values(users)) await pool.close();
  await fixture.drop();
  const made = ROLES.filter((role) => !before.includes(role));
  for (const name of [...names, ...made]) await onServer(`DROP ROLE IF EXISTS ${name}`);
});

test('each role can do what its commands do', async () => {
  const producer = user('detoxq_producer');
  const worker = user('detoxq_worker');
  const reader = user('detoxq_reader');
  for (const one of [producer, worker, reader]) await requireCurrentSchema(one);

  const run = await createRun(producer, { name: 'november', source: { files: [], options: {} }, settings: SETTINGS });
  await beatProducer(producer, run.id, 'host/1');
  await appendChunks(producer, run.id, sourceChunks(8, 4));
  await appendChunks(producer, run.id, sourceChunks(8, 4));
  expect(await ledgerEnd(producer, run.id)).toEqual({ chunks: 2, rows: 8 });
  await finishEnqueue(producer, run.id, { rowsTotal: 8, chunksTotal: 2 });
  await removeProducer(producer, run.id, 'host/1');
  await changeRun(producer, run.id, 'pause');
  await changeRun(producer, run.id, 'resume');

  await beatWorker(worker, {
    name: 'host/2',
    host: 'host',
    pid: 2,
    startedAt: new Date(),
    chunks: 0,
    problem: null,
    knows: ['results-2'],
    version: '0.1.0',
  });
  await beginReconciling(worker, run.id, 0);
  const work = async (failing: ReadonlySet<number>) => {
    for (const { chunkNo } of await readChunks(worker, run.id, [0, 1])) {
      const claim = await claimChunk(worker, { runId: run.id, chunkNo, worker: 'host/2' });
      if (typeof claim === 'string') throw new Error(claim);
      const outcome = await outcomeOf(worker, claim, failing);
      const errors = outcome.errors.map((error) => ({
        ...error,
        source: { rowNo: error.rowNo, rowKey: null, text: 'x', meta: null },
      }));
      const results = outcome.results.filter(({ rowNo }) => claim.retriedRows === 0 || rowNo === 5);
      expect(await completeChunk(worker, claim, { ...outcome, results, errors })).toBe(true);
    }
    await finishRunIfDone(worker, run.id);
  };
  await work(new Set([5]));
  expect(await reopenRowErrors(worker, run.id)).toEqual({ rows: 1, chunks: 1 });
  await work(new Set());

  for (const one of [producer, reader]) {
    expect((await readSummary(one, run.id)).progress.rowsDone).toBe(8);
    expect(await readWorkers(one)).toMatchObject([{ name: 'host/2' }]);
  }
  expect(await verifyRun(reader, run.id)).toMatchObject({ holds: true, results: 8 });
  let rows = 0;
  for await (const _ of streamResults(reader, run.id)) rows += 1;
  for await (const _ of streamRowErrors(reader, run.id)) rows += 1;
  expect(rows).toBe(8);
  await reader.query('SELECT * FROM detox_pairs');
  await removeWorker(worker, 'host/2');
});

test.each([
  ['detoxq_producer', 'SELECT text FROM results'],
  ['detoxq_producer', 'SELECT payload FROM chunks'],
  ['detoxq_producer', 'SELECT source FROM row_errors'],
  ['detoxq_producer', "UPDATE runs SET settings = '{}'"],
  ['detoxq_producer', 'UPDATE chunks SET payload = NULL'],
  ['detoxq_producer', 'DELETE FROM chunks'],
  ['detoxq_producer', 'DELETE FROM runs'],
  ['detoxq_worker', 'SELECT text FROM results'],
  ['detoxq_worker', 'DELETE FROM results'],
  ['detoxq_worker', "UPDATE runs SET settings = '{}'"],
  ['detoxq_worker', 'DELETE FROM chunks'],
  ['detoxq_worker', 'SELECT create_results_partition((SELECT id FROM runs LIMIT 1))'],
  ['detoxq_reader', 'SELECT payload FROM chunks'],
  ['detoxq_reader', 'DELETE FROM row_errors'],
  ['detoxq_reader', "UPDATE runs SET state = 'cancelled'"],
  ['detoxq_reader', "INSERT INTO models (name, architecture, digest, precision) VALUES ('a', 'b', 'c', 'int8')"],
  ['detoxq_producer', 'CREATE TABLE mine (id integer)'],
  ['detoxq_worker', 'DROP TABLE results'],
  ['detoxq_reader', 'SELECT * FROM suspect_slices'],
] as const)('%s may not: %s', async (role, sql) => {
  await expect(user(role).query(sql)).rejects.toThrow(/permission denied|must be owner/);
});

test('nobody but the owner deletes runs, and a partition is made for runs only', async () => {
  for (const role of ROLES) await expect(deleteRun(user(role), 'latest')).rejects.toThrow(/permission denied/);
  await expect(user('detoxq_producer').query("SELECT create_results_partition('rabcdefg')")).rejects.toThrow(
    'there is no run rabcdefg',
  );
});

test('rights are those of one schema', async () => {
  const other = inSchema(fixture.database, 'team_other');
  await migrate(other);
  const { id } = await finishedRun(other, 4, 2);
  const reader = inSchema(user('detoxq_reader'), 'team_other');
  await expect(verifyRun(reader, id)).rejects.toThrow('permission denied');
  await createRoles(other);
  expect(await verifyRun(reader, id)).toMatchObject({ holds: true, results: 4 });
  await expect(reader.query('DELETE FROM team_other.results')).rejects.toThrow('permission denied');
});
