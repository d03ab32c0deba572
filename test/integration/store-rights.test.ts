import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { ServiceError } from '../../src/contract/errors.ts';
import { createPostgresQueue } from '../../src/queue/postgres-queue.ts';
import { createPool } from '../../src/store/pool.ts';
import { createTestDatabase, onServer } from '../support/database.ts';
import { createTestLog } from '../support/queues.ts';

const roles: string[] = [];
afterAll(async () => {
  for (const role of roles) await onServer(`DROP ROLE IF EXISTS ${role}`);
});

/** A database, and its address for a user without rights. */
async function strangersDatabase(limit = -1) {
  const fixture = await createTestDatabase();
  onTestFinished(() => fixture.drop());
  const role = `rights_test_${randomBytes(4).toString('hex')}`;
  await onServer(`CREATE ROLE ${role} LOGIN PASSWORD 'secret' CONNECTION LIMIT ${limit}`);
  roles.push(role);
  const url = new URL(fixture.url);
  url.username = role;
  url.password = 'secret';
  return { fixture, role, url: url.href, name: url.pathname.slice(1) };
}

async function select(url: string, sql = 'SELECT 1'): Promise<unknown> {
  const pool = createPool(url, { max: 1, applicationName: 'rights-test' });
  try {
    return await pool.query(sql).catch((error: unknown) => error);
  } finally {
    await pool.close();
  }
}

test('a user who may not make the schema of the queue is told what to grant', async () => {
  const { url, name } = await strangersDatabase();
  const queue = createPostgresQueue({ url, name: 'rights', log: createTestLog().log });
  await expect(queue).rejects.toThrow(new RegExp(`GRANT CREATE ON DATABASE ${name} TO …\\), or REDIS_URL`));
});

test('a user without a role is told of the roles', async () => {
  const { url } = await strangersDatabase();
  const error = await select(url, 'SELECT * FROM detoxq.runs');
  expect(error).toMatchObject({ code: 'rights_missing' });
  expect(String(error)).toMatch(/permission denied for schema detoxq .*detoxq_worker to work/);
});

test('a user who may not connect is told so', async () => {
  const { url, name } = await strangersDatabase();
  await onServer(`REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`);
  const error = await select(url);
  expect(error).toBeInstanceOf(ServiceError);
  expect(String(error)).toMatch(/Postgres at \S+ cannot be used: this user may not connect .*GRANT CONNECT/);
});

test('the limit that keeps a connection away is named', async () => {
  const { url, name } = await strangersDatabase(0);
  expect(String(await select(url))).toMatch(/as many connections as that role may have.*ALTER ROLE/);
  const other = await strangersDatabase();
  await onServer(`ALTER DATABASE ${other.name} CONNECTION LIMIT 0`);
  expect(String(await select(other.url))).toMatch(/ALTER DATABASE … CONNECTION LIMIT/);
  expect(name).not.toBe(other.name);
});

test.each(['-c nosuch=1', '-c statement_timeout=x', '-c max_connections=3'])(
  'options %s that Postgres refuses are named as such',
  async (options) => {
    const { fixture } = await strangersDatabase();
    const error = await select(`${fixture.url}?options=${encodeURIComponent(options)}`);
    expect(error).toBeInstanceOf(ServiceError);
    expect(String(error)).toContain('it refuses a setting that DATABASE_URL has in options');
  },
);

test.each(['end', 'resetAndDestroy'] as const)('a port that closes at once (%s) is one sentence', async (how) => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket[how]());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  expect(String(await select(`postgres://u:p@127.0.0.1:${address.port}/d`))).toContain('the connection broke off');
});
