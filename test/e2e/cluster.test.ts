import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setInterval } from 'node:timers/promises';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRedisQueue } from '../../src/queue/redis-queue.ts';
import { runCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { redisUrl, withRedis } from '../support/services.ts';

const ROWS = 4000;

/** Several commands on services that they share, as on several machines. */
describe.skipIf(redisUrl === null)(withRedis('detoxq on shared services'), () => {
  let folder: string;
  let test: TestDatabase;
  let env: Record<string, string>;
  const queueName = `test-${process.pid}-${Date.now().toString(36)}`;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'detoxq-cluster-'));
    test = await createTestDatabase({ schema: false });
    env = {
      DATABASE_URL: test.url,
      REDIS_URL: redisUrl ?? '',
      DETOXQ_QUEUE: queueName,
      DETOXQ_HOME: join(folder, 'project'),
      HOME: join(folder, 'home'),
    };
  });
  afterEach(async () => {
    const queue = await createRedisQueue({ url: redisUrl ?? '', name: queueName, log: pino({ level: 'silent' }) });
    await queue.obliterate();
    await queue.close();
    await test.drop();
    await rm(folder, { recursive: true, force: true });
  });

  it('enqueues once, works in several processes, and loses nothing when one is killed', {
    timeout: 240_000,
  }, async () => {
    const file = join(folder, 'rows.csv');
    const lines = Array.from(
      { length: ROWS },
      (_, n) => `k${n},"${n % 4 === 0 ? 'You are an idiot' : 'This is fine'}, number ${n}."`,
    );
    await writeFile(file, `id,text\n${lines.join('\n')}\n`);

    // Before the migration, everything says what is missing.
    const early = await runCli(['enqueue', file], env);
    expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining('detoxq migrate') });
    expect((await runCli(['migrate'], env)).code).toBe(0);

    const enqueued = await runCli(['enqueue', file, '--chunk-rows', '64', '--name', 'november'], env);
    expect(enqueued.code, enqueued.stderr).toBe(0);
    const run = enqueued.stdout.trim();
    expect(run).toMatch(/^r[a-z0-9]{7}$/);

    const victim = startCli(['worker', '--processes', '1'], env);
    const survivor = startCli(['worker', '--processes', '1', '--exit-when-empty'], env);
    await Promise.all([victim.stderrMatches(/worker is ready/), survivor.stderrMatches(/worker is ready/)]);
    // Killed while it holds chunks: they are delivered again when their locks run out.
    for (let active = 0; active === 0; ) {
      const [row] = await test.database.query<{ active: number }>(
        "select count(*) as active from chunks where state = 'active' and worker like $1",
        [`%/${victim.child.pid}`],
      );
      active = row?.active ?? 0;
    }
    let engines: number[] = [];
    while (engines.length === 0) engines = await childrenOf(victim.child.pid);
    victim.child.kill('SIGKILL');
    expect((await victim.ended).signal).toBe('SIGKILL');
    // Engine processes end with their worker, however it ends.
    for await (const _ of setInterval(20)) if (!engines.some(isAlive)) break;
    const ended = await survivor.ended;
    expect(ended.code, ended.stderr).toBe(0);

    const status = JSON.parse((await runCli(['status', run, '--json'], env)).stdout);
    expect(status).toMatchObject({ state: 'done', rows: ROWS, rowsDone: ROWS, rowErrors: 0 });
    const verify = await runCli(['verify', run, '--json'], env);
    expect(JSON.parse(verify.stdout)).toMatchObject({ holds: true, results: ROWS, rowErrors: 0 });
    const [rows] = await test.database.query(
      'select count(distinct row_key) as keys, min(attempts) as least, max(attempts) as most from results join chunks using (run_id) where chunk_no = row_no / 64',
    );
    expect(rows).toEqual({ keys: ROWS, least: 1, most: 2 });
    // Text of rows never reaches a log.
    expect(ended.stderr).not.toMatch(/idiot|This is fine/);
  });
});

async function childrenOf(pid: number | undefined): Promise<number[]> {
  // ps fails when there are none.
  const listed = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(pid)]).catch(() => null);
  return listed === null ? [] : listed.stdout.trim().split(/\s+/).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
