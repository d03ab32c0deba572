import { once } from 'node:events';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { redisUrl } from '../support/services.ts';

let fixture: TestDatabase;
let env: Record<string, string>;
beforeAll(async () => {
  fixture = await createTestDatabase();
  env = { DATABASE_URL: fixture.url, REDIS_URL: redisUrl ?? 'redis://127.0.0.1:1' };
});
afterAll(() => fixture.drop());

test('a table has every column, in its order and with its digits', async () => {
  const sql = `select 1 as "2", 'x' as "1", 1.10 as a, 9007199254740993 as a, 0.123456789 as long, null as none`;
  const { stdout, code } = await runCli(['query', sql], env);
  expect(code).toBe(0);
  const [header = '', , row = ''] = stdout.split('\n');
  expect(header.trim().split(/ +/)).toEqual(['2', '1', 'a', 'a', 'long', 'none']);
  expect(row.trim().split(/ +/)).toEqual(['1', 'x', '1.10', '9007199254740993', '0.123457']);
});

test('two columns of one name are no JSON object', async () => {
  expect(await runCli(['query', '--json', 'select 1 as a, 2 as a'], env)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('two columns are named "a"'),
  });
});

test('a statement that begins with a remark is one', async () => {
  expect(await runCli(['query', '--json', '-- a remark\nselect 1 as a'], env)).toMatchObject({
    code: 0,
    stdout: '{"a":1}\n',
  });
});

test('Ctrl-C ends the statement in Postgres, too', async () => {
  const query = startCli(['query', 'select pg_sleep(600) as interrupted_by_the_test'], env);
  const active = () =>
    fixture.database.query(
      "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'FETCH % FROM detoxq_rows' AND datname = current_database()",
    );
  await vi.waitFor(async () => expect(await active()).toHaveLength(1), { timeout: 60_000, interval: 50 });
  query.child.kill('SIGINT');
  const [code] = await once(query.child, 'close');
  expect(code).toBe(130);
  await vi.waitFor(async () => expect(await active()).toHaveLength(0), { timeout: 10_000, interval: 50 });
  expect((await query.ended).stderr).toContain('the statement is cancelled');
});
