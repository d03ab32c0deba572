import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DetoxqError } from '../../src/contract/errors.ts';
import type { Database } from '../../src/store/database.ts';
import { createPool } from '../../src/store/pool.ts';
import { readOnlyQuery } from '../../src/store/read-only-query.ts';
import { createTestDatabase, onServer, type TestDatabase } from '../support/database.ts';
import { finishedRun } from '../support/ledger.ts';

/** The server would write here, where it runs on this machine. */
const FILE = join(tmpdir(), `detoxq-query-${process.pid}-${randomBytes(4).toString('hex')}`);
const OWNER = `detoxq_query_test_${randomBytes(4).toString('hex')}`;

let fixture: TestDatabase;
let superuser: Database;
let owner: Database;
beforeAll(async () => {
  fixture = await createTestDatabase();
  superuser = fixture.database;
  await finishedRun(superuser, 40, 8);
  await superuser.query(`
    CREATE FUNCTION delete_results() RETURNS bigint LANGUAGE sql AS 'DELETE FROM results; SELECT 1::bigint';
    CREATE FUNCTION delete_results_as_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM results; SELECT 1::bigint';
    CREATE PROCEDURE delete_and_commit() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM results; COMMIT; END $$;
    CREATE SEQUENCE numbers;
    SELECT lo_create(4711);`);
  await onServer(`CREATE ROLE ${OWNER} LOGIN PASSWORD 'secret'`);
  await superuser.query(`GRANT ALL ON SCHEMA detoxq TO ${OWNER}; GRANT ALL ON ALL TABLES IN SCHEMA detoxq TO ${OWNER}`);
  const url = new URL(fixture.url);
  url.username = OWNER;
  url.password = 'secret';
  owner = createPool(url.href, { max: 2, applicationName: 'query-test' });
});
afterAll(async () => {
  await owner.close();
  await fixture.drop();
  await onServer(`DROP ROLE ${OWNER}`);
});

async function lines(database: Database, sql: string): Promise<string[]> {
  const all: string[] = [];
  await readOnlyQuery(database, sql, (rows) => {
    all.push(...rows);
  });
  return all;
}

/** All that a statement could have changed. */
async function state(): Promise<unknown> {
  const [found] = await superuser.query<{ state: unknown }>(`
    SELECT jsonb_build_object(
      'results', (SELECT md5(string_agg(results::text, '|' ORDER BY row_no)) FROM results),
      'runs', (SELECT md5(string_agg(runs::text, '|')) FROM runs),
      'relations', (SELECT md5(string_agg(oid || relname, '|' ORDER BY oid)) FROM pg_class
        WHERE relnamespace::regnamespace::text NOT LIKE 'pg\\_%'),
      'functions', (SELECT count(*) FROM pg_proc),
      'large objects', (SELECT string_agg(oid::text, ',' ORDER BY oid) FROM pg_largeobject_metadata),
      'pages', (SELECT count(*) FROM pg_largeobject),
      'roles', (SELECT md5(string_agg(rolname || rolsuper, '|' ORDER BY oid)) FROM pg_roles WHERE rolname = current_user),
      'sequence', (SELECT last_value || is_called::text FROM numbers),
      'settings', (SELECT count(*) FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
        WHERE datname = current_database())) AS state`);
  const session = await superuser.query(
    "SELECT current_user AS role, session_user AS login, current_setting('transaction_read_only') AS read_only, pg_backend_pid() > 0 AS alive",
  );
  return { found, session, file: existsSync(FILE) };
}

const WRITES = [
  'delete from results',
  'delete from results returning row_no',
  'with gone as (delete from results returning 1) select * from gone',
  'truncate results',
  'update runs set state = $$cancelled$$',
  'insert into models default values',
  'merge into runs using runs as other on true when matched then delete',
  'drop table results cascade',
  'create table theirs as select * from results',
  'select * into theirs from results',
  'create function theirs() returns int language sql as $$select 1$$',
  'create role theirs superuser',
  'alter system set work_mem = 1',
  'alter table results rename to theirs',
  'grant all on results to public',
  'commit',
  'rollback',
  'end',
  'begin',
  'abort and chain',
  'savepoint here',
  'prepare transaction $$here$$',
  'set transaction read write',
  'set session characteristics as transaction read write',
  'set role postgres',
  'reset role',
  'reset session authorization',
  'reset all',
  'discard all',
  'do $$ begin delete from results; end $$',
  'do $$ begin execute $e$copy (select 1) to program $p$touch FILE$p$$e$; end $$',
  'call delete_and_commit()',
  'select delete_results()',
  'select delete_results_as_owner()',
  `copy (select 1) to '${FILE}'`,
  `copy (select 1) to program 'touch ${FILE}'`,
  `copy results from program 'touch ${FILE}'`,
  'copy results to stdout',
  `select lo_export(4711, '${FILE}')`,
  `select lo_import('/etc/hostname')`,
  'select lo_unlink(4711)',
  'select lo_create(4712)',
  `select lo_put(4711, 0, 'x')`,
  `select lo_from_bytea(0, 'x')`,
  `select lowrite(lo_open(4711, 131072), 'x')`,
  `select nextval('numbers')`,
  `select setval('numbers', 99)`,
  `select set_config('transaction_read_only', 'off', true)`,
  `select set_config('role', session_user, false), lo_export(4711, '${FILE}')`,
  `select set_config('session_authorization', session_user, false), lo_export(4711, '${FILE}')`,
  `select set_config('role', 'none', true), set_config('transaction_read_only', 'off', true), delete_results()`,
  'select pg_terminate_backend(pid) from pg_stat_activity where usename = session_user and pid <> pg_backend_pid()',
  'select pg_reload_conf(), pg_rotate_logfile()',
  `select pg_read_file('/etc/hostname')`,
  `select query_to_xml('delete from results', true, true, '')`,
  `select * from xmltable('/a' passing query_to_xml('delete from results returning 1', true, true, '') columns a text)`,
  'explain analyze delete from results',
  'explain (analyze) update runs set state = $$done$$',
  'explain analyze create table theirs as select 1',
  'execute anything',
  'declare mine cursor for select 1',
  'fetch 1 from detoxq_rows',
  'close all',
  'listen something',
  'notify something',
  'lock table results',
  `load 'auto_explain'`,
  'checkpoint',
  'vacuum',
  'cluster',
  'reindex table results',
  'refresh materialized view theirs',
  `security label on table results is 'x'`,
  'import foreign schema public from server theirs into public',
  'drop function pg_temp.detoxq_read(text)',
  'create or replace function pg_temp.detoxq_read(statement text) returns setof text language sql as $$delete from results$$',
];

describe.each([
  ['a superuser', () => superuser],
  ['a user with every right on the tables', () => owner],
])('as %s', (_, database) => {
  test('no statement changes anything, alone or among others', { timeout: 120_000 }, async () => {
    const before = await state();
    const statement = fc.oneof(
      fc.constantFrom(...WRITES),
      fc
        .tuple(
          fc.array(fc.constantFrom(...WRITES, 'select 1', 'select * from results', ''), { minLength: 1, maxLength: 4 }),
          fc.constantFrom(';', '; ', ';\n--\n', '; /* ; */ ', "; select ';' ; ", '\n', ' union all ', ') q; '),
          fc.constantFrom('', ';', ' -- end', ' limit 1', ')', '; commit'),
        )
        .map(([parts, separator, end]) => parts.join(separator) + end),
      fc.constantFrom(...WRITES).map((sql) => `with a as (${sql}), b as (select 1) select * from a, b`),
      fc.constantFrom(...WRITES).map((sql) => `select * from (${sql}) as q`),
      fc.constantFrom(...WRITES).map((sql) => `select query_to_xml($q$${sql}$q$, true, true, '')`),
      fc.constantFrom(...WRITES).map((sql) => `explain analyze ${sql}`),
    );
    await fc.assert(
      fc.asyncProperty(statement, async (sql) => {
        const refused = await lines(database(), sql).then(
          () => null,
          (error: unknown) => error,
        );
        if (refused !== null) expect(refused, sql).toBeInstanceOf(DetoxqError);
        expect(await state(), sql).toEqual(before);
      }),
      // Each of them alone, then 300 mixed ones.
      { numRuns: WRITES.length + 300, examples: WRITES.map((sql): [string] => [sql]) },
    );
  });

  test('what reads is answered, whatever its form', async () => {
    const answered = [
      'select count(*) from results;',
      'SELECT 1 -- a remark',
      '/* a remark */ with a as (select 1 as b) select b from a',
      'table models',
      "values (1, 'a'), (2, 'b')",
      'explain select * from results',
      'explain (analyze, format json) select count(*) from results',
      'show server_version',
      '(select 1) union all (select 2) order by 1',
    ];
    for (const sql of answered) expect((await lines(database(), sql)).length, sql).toBeGreaterThan(0);
  });
});

test('a statement of the wrong kind is refused with what is allowed', async () => {
  for (const sql of ['delete from results', 'commit; delete from results', '-- nothing', 'set role x']) {
    await expect(lines(superuser, sql)).rejects.toThrow('only reads');
    await expect(lines(superuser, sql)).rejects.toMatchObject({ name: 'UsageError', code: 'query_not_read_only' });
  }
  await expect(lines(superuser, 'selec 1')).rejects.toThrow(/syntax error at or near "selec"/);
  await expect(lines(superuser, "select 'abc'::integer")).rejects.toThrow(/invalid input syntax.*"abc"/);
});

test('rows are JSON lines with all their digits', async () => {
  expect(
    await lines(
      superuser,
      `select 9007199254740993 as id, 0.12345678901234567890 as share, 'NaN'::float8 as odd, e'a\\nb' as text,
         E'{"a":\\n 1}'::json as meta, null as nothing, '\\x00ff'::bytea as bytes`,
    ),
  ).toEqual([
    '{"id":9007199254740993,"share":0.12345678901234567890,"odd":"NaN","text":"a\\nb","meta":{"a":  1},"nothing":null,"bytes":"\\\\x00ff"}',
  ]);
});

test('many rows come in pieces, in order', async () => {
  const sizes: number[] = [];
  let next = 1;
  await readOnlyQuery(superuser, 'select i from generate_series(1, 2500) as i order by i', (rows) => {
    sizes.push(rows.length);
    for (const row of rows) {
      expect(row).toBe(`{"i":${next}}`);
      next += 1;
    }
  });
  expect(next).toBe(2501);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
});
