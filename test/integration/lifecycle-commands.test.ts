import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRedisQueue } from '../../src/queue/redis-queue.ts';
import { runCli, startCli } from '../support/cli.ts';
import { linkCompiledModels } from '../support/compiled-models.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { redisUrl, withRedis } from '../support/services.ts';

/** More than the queue takes: the producer waits in the middle, since nobody works. */
const ROWS = 1_500;

describe.skipIf(redisUrl === null)(withRedis('pause, resume, cancel and delete'), () => {
  let folder: string;
  let fixture: TestDatabase;
  let env: Record<string, string>;
  const queueName = `test-life-${process.pid}`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'detoxq-life-'));
    linkCompiledModels(folder);
    fixture = await createTestDatabase();
    env = { DATABASE_URL: fixture.url, REDIS_URL: redisUrl ?? '', DETOXQ_QUEUE: queueName, DETOXQ_HOME: folder };
  });
  afterAll(async () => {
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const queue = await createRedisQueue({ url: redisUrl ?? '', name: queueName, log });
    await queue.obliterate();
    await queue.close();
    await fixture.drop();
    await rm(folder, { recursive: true });
  });

  test('a producer in the middle waits while its run is paused and stops when it is cancelled', {
    timeout: 120_000,
  }, async () => {
    const file = join(folder, 'rows.txt');
    await writeFile(file, Array.from({ length: ROWS }, (_, n) => `comment ${n}\n`).join(''));
    const producer = startCli(['enqueue', file, '--chunk-rows', '1', '--name', 'first'], env);
    await producer.stderrMatches(/waiting for workers/);

    const paused = await runCli(['pause', 'latest', '--json'], env);
    expect(JSON.parse(paused.stdout)).toMatchObject({ state: 'paused', rowsDone: 0 });
    await producer.stderrMatches(/is paused, and reading waits/);
    expect((await runCli(['pause', 'latest'], env)).code).toBe(2);

    const resumed = await runCli(['resume', 'latest', '--detach', '--json'], env);
    expect(JSON.parse(resumed.stdout)).toMatchObject({
      state: 'enqueueing',
      trouble: [expect.stringContaining('no worker is alive')],
    });
    expect((await runCli(['delete', 'first'], env)).stderr).toContain('--yes');
    expect(await runCli(['delete', 'first', '--yes'], env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('detoxq cancel r'),
    });

    const cancelled = await runCli(['cancel', 'latest', '--json'], env);
    const { run } = JSON.parse(cancelled.stdout);
    expect(cancelled.stderr).toMatch(
      new RegExp(`latest is run ${run}, named first: rows\\.txt, enqueueing, 0 rows done`),
    );
    const ended = await producer.ended;
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining(`run ${run} was cancelled`) });
    expect(await runCli(['resume', run], env)).toMatchObject({ code: 2, stderr: expect.stringContaining('cancelled') });
    expect(await runCli(['retry', run, '--detach'], env)).toMatchObject({ code: 2 });

    // It has not all rows, and its export says so.
    const out = join(folder, 'out.jsonl');
    const partly = await runCli(['export', run, '--out', out], env);
    expect(partly).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/is cancelled: 0 of .* rows are done.*--partial/),
    });
    expect(existsSync(out)).toBe(false);
    const partial = await runCli(['export', run, '--out', out, '--partial'], env);
    expect(partial).toMatchObject({ code: 0, stderr: expect.stringContaining('the others are not in the file') });
    expect(await runCli(['enqueue', file, '--name', run], env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is the id of a run'),
    });

    // "latest" would be another run the next time.
    const unsaid = await runCli(['delete', 'latest', '--yes'], env);
    expect(unsaid).toMatchObject({ code: 2, stderr: expect.stringContaining(`detoxq delete ${run} --yes`) });
    expect(await fixture.database.query('SELECT id FROM runs')).toEqual([{ id: run }]);
    expect(JSON.parse((await runCli(['delete', 'first', '--yes', '--json'], env)).stdout)).toMatchObject({ run });
    expect(await fixture.database.query('SELECT 1 FROM chunks')).toEqual([]);
    expect(await runCli(['status', run], env)).toMatchObject({ code: 2 });
  });
});
