import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createRedisQueue } from '../../src/queue/redis-queue.ts';
import { hasOpenssl, makeCertificates } from '../support/certificates.ts';
import { runCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { canStartRedis, freePort, startPrivateRedis } from '../support/private-redis.ts';
import { createRecorder, createTestLog, jobOf } from '../support/queues.ts';

const ACL = new URL('../../deploy/redis-acl/users.acl', import.meta.url);

describe.skipIf(!canStartRedis)('services that trust nobody', () => {
  let folder: string;
  let fixture: TestDatabase;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'detoxq-hostile-'));
    fixture = await createTestDatabase();
  });
  afterAll(async () => {
    await fixture.drop();
    rmSync(folder, { recursive: true });
  });

  test('the user of the ACL example can do all that a queue does, and nothing else', async () => {
    const password = randomBytes(12).toString('hex');
    const file = join(folder, 'users.acl');
    const digest = createHash('sha256').update(password).digest('hex');
    writeFileSync(file, readFileSync(ACL, 'utf8').replace('SHA256-OF-THE-PASSWORD', digest));
    const server = await startPrivateRedis(['--aclfile', file]);
    onTestFinished(() => server.remove());
    const url = `redis://detoxq:${password}@127.0.0.1:${server.port}/0`;
    const { log, entries } = createTestLog();
    const queue = await createRedisQueue({ url, name: 'acl', log });
    await queue.add([0, 1, 2].map((chunkNo) => jobOf(chunkNo)));
    expect(await queue.depth()).toBe(3);
    expect(await queue.knows(['rtesting-0', 'rtesting-9'])).toEqual(new Set(['rtesting-0']));
    await queue.remove(['rtesting-2']);
    const recorder = createRecorder((job, times) => (job.chunkNo === 1 && times === 1 ? 'again' : 'done'));
    const consumer = await queue.consume(recorder.process, { concurrency: 2 });
    await recorder.until(3);
    expect(await consumer.close(5_000)).toBe(true);
    await queue.obliterate();
    await queue.close();
    expect(entries).toEqual([]);

    const redis = new Redis(url, { maxRetriesPerRequest: 1 });
    for (const command of ['FLUSHALL', 'KEYS *', 'CONFIG GET *', 'GET other', 'SET other 1', 'ACL LIST']) {
      const [name = '', ...args] = command.split(' ');
      await expect(redis.call(name, ...args), command).rejects.toThrow('NOPERM');
    }
    redis.disconnect();
    const stranger = createRedisQueue({ url: `redis://127.0.0.1:${server.port}`, name: 'acl', log });
    await expect(stranger).rejects.toThrow('the address has no password');
  });

  test('a password is in no log, job, table or process title', { timeout: 120_000 }, async () => {
    const redisPassword = `redis-${randomBytes(12).toString('hex')}`;
    const server = await startPrivateRedis(['--requirepass', redisPassword]);
    onTestFinished(() => server.remove());
    const database = new URL(fixture.url);
    database.password ||= `pg-${randomBytes(12).toString('hex')}`;
    const secrets = [redisPassword, database.password];
    const env = {
      DATABASE_URL: database.href,
      REDIS_URL: `redis://:${redisPassword}@127.0.0.1:${server.port}/0`,
      DETOXQ_HOME: join(folder, 'home'),
      DETOXQ_LOG_LEVEL: 'trace',
    };
    const file = join(folder, 'rows.txt');
    writeFileSync(file, 'one comment\nanother comment\n');
    const said: string[] = [];
    const worker = startCli(['worker', '--processes', '1'], env);
    await worker.stderrMatches(/worker is ready/);
    const enqueued = await runCli(['enqueue', file], env);
    const titles = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    const redis = new Redis(env.REDIS_URL);
    const inRedis: string[] = [];
    for await (const keys of redis.scanStream()) {
      for (const key of keys) inRedis.push(key, String(await redis.dump(key)));
    }
    redis.disconnect();
    // Redis goes away: what is said about that, too.
    await server.kill();
    await worker.stderrMatches(/"level":40/);
    worker.child.kill('SIGTERM');
    worker.child.kill('SIGTERM');
    const ended = await worker.ended;
    const refused = await runCli(['enqueue', file], env);
    expect(refused.code).toBe(1);
    for (const { stdout, stderr } of [enqueued, ended, refused]) said.push(stdout, stderr);
    const tables = await fixture.database.query<{ row: string }>(
      'SELECT row_to_json(runs)::text AS row FROM runs UNION ALL SELECT row_to_json(workers)::text FROM workers ' +
        'UNION ALL SELECT row_to_json(chunks)::text FROM chunks',
    );
    expect(inRedis.length).toBeGreaterThan(0);
    expect(tables.length).toBeGreaterThan(1);
    // The test's own redis-server has it in its arguments.
    const others = titles.split('\n').filter((line) => !/redis-server|valkey-server/.test(line));
    for (const secret of secrets) {
      for (const text of [...said, ...inRedis, ...others, ...tables.map(({ row }) => row)]) {
        expect(text.includes(secret)).toBe(false);
      }
    }
  });

  test.skipIf(!hasOpenssl)('rediss:// is believed only with a certificate of a known authority', async () => {
    const { authority, certificate, key } = makeCertificates(folder);
    const port = await freePort();
    const server = await startPrivateRedis([
      '--tls-port',
      String(port),
      '--tls-cert-file',
      certificate,
      '--tls-key-file',
      key,
      '--tls-ca-cert-file',
      authority,
      '--tls-auth-clients',
      'no',
    ]);
    onTestFinished(() => server.remove());
    const env = {
      DATABASE_URL: fixture.url,
      REDIS_URL: `rediss://localhost:${port}/0`,
      DETOXQ_HOME: join(folder, 'home'),
    };
    const args = ['worker', '--processes', '1', '--exit-when-empty'];
    const known = await runCli(args, { ...env, NODE_EXTRA_CA_CERTS: authority });
    expect(known.code, known.stderr).toBe(0);
    const unknown = await runCli(args, env);
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('certificate') });
    // The right authority, another name.
    const other = { ...env, REDIS_URL: `rediss://127.0.0.1:${port}/0`, NODE_EXTRA_CA_CERTS: authority };
    expect((await runCli(args, other)).code).toBe(1);
  });
});
