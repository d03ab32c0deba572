import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ServiceError, UsageError } from '../../src/contract/errors.ts';
import { createPostgresQueue } from '../../src/queue/postgres-queue.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/private-redis.ts';
import { createRecorder, createTestLog, jobOf } from '../support/queues.ts';

const SOON = { timeout: 30_000, interval: 20 };

let fixture: TestDatabase;
beforeEach(async () => {
  fixture = await createTestDatabase({ schema: false });
});
afterEach(() => fixture.drop());

test('an address of something else is refused, and where nothing listens the error says so', async () => {
  const { log } = createTestLog();
  await expect(createPostgresQueue({ url: 'redis://localhost', name: 'test', log })).rejects.toThrow(UsageError);
  const port = await freePort();
  const url = `postgres://user:hunter2@127.0.0.1:${port}/db`;
  const error: unknown = await createPostgresQueue({ url, name: 'test', log }).catch((reason) => reason);
  expect(error).toBeInstanceOf(ServiceError);
  expect(String(error)).toContain('nothing listens there');
  expect(JSON.stringify([error, (error as Error).cause])).not.toContain('hunter2');
});

test('queues that are opened at the same moment on an empty database share one', async () => {
  const { log } = createTestLog();
  const queues = await Promise.all([1, 2, 3].map(() => createPostgresQueue({ url: fixture.url, name: 'test', log })));
  await queues[0]!.add([jobOf(0)]);
  expect(await Promise.all(queues.map((queue) => queue.depth()))).toEqual([1, 1, 1]);
  await Promise.all(queues.map((queue) => queue.close()));
});

test('a queue whose connections are all cut delivers again after that', async () => {
  const { log } = createTestLog();
  const queue = await createPostgresQueue({ url: fixture.url, name: 'test', log });
  const recorder = createRecorder();
  const consumer = await queue.consume(recorder.process, { concurrency: 1 });
  await queue.add([jobOf(0)]);
  await recorder.until(1);
  await fixture.database.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  await vi.waitFor(() => queue.add([jobOf(1)]), SOON);
  await vi.waitFor(() => expect(recorder.jobs).toContainEqual(jobOf(1)), SOON);
  await consumer.close(5_000);
  await queue.close();
});
