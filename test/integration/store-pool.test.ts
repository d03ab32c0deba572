import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { DetoxqError, ServiceError, UsageError } from '../../src/contract/errors.ts';
import type { Database } from '../../src/store/database.ts';
import { patientDatabase } from '../../src/store/patience.ts';
import { createPool } from '../../src/store/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/private-redis.ts';

let fixture: TestDatabase;
let database: Database;
beforeAll(async () => {
  fixture = await createTestDatabase({ schema: false });
  database = fixture.database;
  await database.query('CREATE TABLE numbers (number integer UNIQUE, note text)');
});
afterAll(() => fixture.drop());

function poolOn(url: string): Database {
  const pool = createPool(url, { max: 1, applicationName: 'detoxq-test' });
  onTestFinished(() => pool.close());
  return pool;
}

const failureOf = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => new Error('nothing was thrown'),
    (error) => error,
  );

function withoutSecret(error: Error, secret: string): void {
  expect(JSON.stringify([error, error.cause, String(error), error.stack])).not.toContain(secret);
}

test.each(['localhost:5432/db', 'mysql://user:hunter2@localhost/db', '', 'postgres://user:hunter2@local host/db'])(
  '%j is no address of Postgres',
  (url) => {
    expect(() => createPool(url, { max: 1, applicationName: 'detoxq-test' })).toThrow(UsageError);
    try {
      createPool(url, { max: 1, applicationName: 'detoxq-test' });
    } catch (error) {
      withoutSecret(error as Error, 'hunter2');
    }
  },
);

test('where nothing listens, the error says so and keeps the password to itself', async () => {
  const port = await freePort();
  const error = await failureOf(poolOn(`postgres://user:hunter2@127.0.0.1:${port}/db`).query('SELECT 1'));
  expect(error).toBeInstanceOf(ServiceError);
  expect(error.message).toBe(
    `Postgres at 127.0.0.1:${port}/db cannot be used: nothing listens there: is Postgres running, and is DATABASE_URL right?`,
  );
  withoutSecret(error, 'hunter2');
});

test('a database that is not there is said to be so', async () => {
  const url = new URL(fixture.url);
  url.pathname = '/detoxq_is_not_here';
  const error = await failureOf(poolOn(url.href).query('SELECT 1'));
  expect(error).toBeInstanceOf(ServiceError);
  expect(error.message).toContain('that database does not exist');
});

test('a lost connection is a ServiceError, and the next query has a new one', async () => {
  const pool = fixture.connect();
  const lost = pool.query('SELECT pg_terminate_backend(pg_backend_pid())');
  await expect(lost).rejects.toThrow(ServiceError);
  expect(await pool.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a statement that was given up does not wait on in the server', async () => {
  const url = new URL(fixture.url);
  const pool = createPool(url.href, { max: 1, applicationName: 'given-up', answerTimeoutMs: 200 });
  onTestFinished(() => pool.close());
  await database.transaction(async (connection) => {
    await connection.query('LOCK TABLE numbers');
    await expect(pool.query('SELECT * FROM numbers')).rejects.toThrow(ServiceError);
    for (let waiting = 1; waiting > 0; ) {
      const [row] = await connection.query<{ waiting: number }>(
        "SELECT count(*) AS waiting FROM pg_stat_activity WHERE application_name = 'given-up' AND wait_event_type = 'Lock'",
      );
      waiting = row?.waiting ?? 0;
    }
  });
  expect(await pool.query('SELECT count(*) AS rows FROM numbers')).toHaveLength(1);
});

test('large counts are numbers, and those beyond a safe number are refused', async () => {
  expect(await database.query('SELECT 9007199254740991::bigint AS large, NULL::bigint AS none')).toEqual([
    { large: Number.MAX_SAFE_INTEGER, none: null },
  ]);
  await expect(database.query('SELECT 9007199254740993::bigint')).rejects.toThrow('too large for a number');
});

test('a transaction is all or nothing', async () => {
  await database.transaction((connection) => connection.query('INSERT INTO numbers VALUES (1)'));
  const failed = database.transaction(async (connection) => {
    await connection.query('INSERT INTO numbers VALUES (2)');
    throw new RangeError('of the caller');
  });
  await expect(failed).rejects.toThrow(RangeError);
  expect(await database.query('SELECT number FROM numbers')).toEqual([{ number: 1 }]);
});

test('what Postgres says about values that were sent does not come through', async () => {
  const secret = 'a secret comment';
  const refused = [
    ['SELECT $1::integer', secret],
    ['SELECT $1::jsonb', secret],
    ['INSERT INTO numbers SELECT 7, $1 UNION ALL SELECT 7, $1 || 1', secret],
    ['SELECT $1::text', `${secret}\0`],
  ] as const;
  for (const [statement, value] of refused) {
    const error = await failureOf(database.query(statement, [value]));
    expect(error).toBeInstanceOf(DetoxqError);
    expect(error).not.toBeInstanceOf(ServiceError);
    withoutSecret(error, secret);
  }
  // A statement of the user's own comes back with all that Postgres has to say.
  await expect(database.query("SELECT 'ten'::integer")).rejects.toThrow('"ten"');
  await expect(database.query('SELECT nothing')).rejects.toThrow('42703');
});

/** Waits for a statement with this mark, and does something to its session. */
async function interrupt(
  mark: string,
  how: 'pg_cancel_backend' | 'pg_terminate_backend',
  isOver: () => boolean = () => false,
): Promise<void> {
  while (!isOver()) {
    const rows = await database.query(
      `SELECT ${how}(pid) FROM pg_stat_activity WHERE query LIKE $1 AND state = 'active' AND pid <> pg_backend_pid()`,
      [`%${mark}%`],
    );
    if (rows.length > 0) return;
  }
}

test('a statement that an administrator cancels is tried again', async () => {
  const pool = fixture.connect();
  const alone = pool.query('SELECT 1 AS "cancelledAlone" FROM pg_sleep(0.5)');
  await interrupt('cancelledAlone', 'pg_cancel_backend');
  expect(await alone).toEqual([{ cancelledAlone: 1 }]);
  let tries = 0;
  const together = pool.transaction((connection) => {
    tries += 1;
    return connection.query('SELECT 1 AS "cancelledTogether" FROM pg_sleep(0.5)');
  });
  await interrupt('cancelledTogether', 'pg_cancel_backend');
  expect(await together).toEqual([{ cancelledTogether: 1 }]);
  expect(tries).toBe(2);
});

test('one that is cancelled each time fails, and can be tried again later', async () => {
  const pool = fixture.connect();
  let over = false;
  const failed = failureOf(pool.query('SELECT 1 AS "cancelledAlways" FROM pg_sleep(60)')).finally(() => {
    over = true;
  });
  while (!over) await interrupt('cancelledAlways', 'pg_cancel_backend', () => over);
  expect(await failed).toBeInstanceOf(ServiceError);
  expect((await failed).message).toContain('it cancelled a statement');
});

test('what is only read is asked for again after its session ended', async () => {
  const pool = fixture.connect();
  const asked = patientDatabase(pool).query('SELECT 1 AS "endedOnce" FROM pg_sleep(0.5)');
  await interrupt('endedOnce', 'pg_terminate_backend');
  expect(await asked).toEqual([{ endedOnce: 1 }]);
  const impatient = failureOf(pool.query('SELECT 1 AS "endedForGood" FROM pg_sleep(60)'));
  await interrupt('endedForGood', 'pg_terminate_backend');
  expect(await impatient).toBeInstanceOf(ServiceError);
});

test('a session that ends in the moment in which it begins is a failed statement, and no end of the program', async () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => {
    uncaught.push(error);
  };
  process.on('uncaughtException', note);
  onTestFinished(() => {
    process.off('uncaughtException', note);
  });
  const message = (type: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  // Let in, ready, and ended by an administrator: all of it comes in one piece.
  const welcome = Buffer.concat([
    message('R', Buffer.alloc(4)),
    message('Z', Buffer.from('I')),
    message('E', Buffer.from('SFATAL\0VFATAL\0C57P01\0Mno\0\0')),
  ]);
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.end(welcome));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const pool = poolOn(`postgres://someone@127.0.0.1:${port}/none`);
  await expect(pool.query('SELECT 1')).rejects.toThrow(ServiceError);
  expect(uncaught).toEqual([]);
});
