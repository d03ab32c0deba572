import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRedisQueue } from '../../src/queue/redis-queue.ts';
import { queryRows, runCli, startCli } from '../support/cli.ts';
import { linkCompiledModels } from '../support/compiled-models.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { redisUrl, withRedis } from '../support/services.ts';

/** A few more than a producer lets wait, so that the queue is full of them. */
const ABANDONED_ROWS = 1_100;

const queueName = `test-own-${process.pid}`;
let folder: string;
let fixture: TestDatabase;
let env: Record<string, string>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'detoxq-own-'));
  linkCompiledModels(folder);
  fixture = await createTestDatabase();
  env = { DATABASE_URL: fixture.url, REDIS_URL: redisUrl ?? '', DETOXQ_QUEUE: queueName, DETOXQ_HOME: folder };
});
afterAll(async () => {
  if (redisUrl !== null) {
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const queue = await createRedisQueue({ url: redisUrl, name: queueName, log });
    await queue.obliterate();
    await queue.close();
  }
  await fixture.drop();
  await rm(folder, { recursive: true });
});

const done = async (run: string): Promise<unknown> => {
  const [row] = await queryRows(`select rows_done as done from run_progress where run_id = '${run}'`, env);
  return row?.done;
};

test.skipIf(redisUrl === null)(
  withRedis('a new run works on its own rows alone, and names the one that was left'),
  {
    timeout: 300_000,
  },
  async () => {
    const big = join(folder, 'big.txt');
    await writeFile(big, Array.from({ length: ABANDONED_ROWS }, (_, n) => `comment ${n}\n`).join(''));
    const producer = startCli(['enqueue', big, '--chunk-rows', '1'], env);
    await producer.stderrMatches(/waiting for workers/);
    producer.child.kill('SIGINT');
    const abandoned = (await producer.ended).stdout.trim();

    const small = join(folder, 'small.txt');
    await writeFile(small, 'have a nice day\nyou are an idiot\nthank you\n');
    const first = await runCli(['run', small, '--chunk-rows', '1', '--json'], env);
    expect(first.code, first.stderr).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({ state: 'done', rowsDone: 3 });
    expect(first.stderr).toMatch(
      new RegExp(
        `A run is unfinished: run ${abandoned}: big\\.txt, enqueueing, 0 rows done.*detoxq resume ${abandoned}`,
      ),
    );
    expect(await done(abandoned)).toBe(0);

    // It is whole for whoever goes on with it: as many as are in the queue, for a worker.
    const worker = startCli(['worker', '--exit-when-empty'], env);
    expect((await worker.ended).code).toBe(0);
    const enqueued = await done(abandoned);
    expect(enqueued).toBeGreaterThanOrEqual(1_000);

    // And to the end on this machine.
    const resumed = await runCli(['resume', abandoned, '--json'], env);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ state: 'done', rowsDone: ABANDONED_ROWS });
    expect((await runCli(['verify', abandoned], env)).code).toBe(0);
    const again = await runCli(['run', small, '--json'], env);
    expect(again.stderr).not.toContain('unfinished');
  },
);
