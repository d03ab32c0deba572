import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { inSchema } from '../../src/store/in-schema.ts';
import { migrate } from '../../src/store/migrate.ts';
import { queryRows, runCli } from '../support/cli.ts';
import { linkCompiledModels } from '../support/compiled-models.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { redisUrl, withRedis } from '../support/services.ts';

/** A test runs up to ten commands, and each loads the program, and maybe the models, again. */
const TIMEOUT_MS = 400_000;

type Environment = Readonly<Record<string, string>>;

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'detoxq-shared-'));
  linkCompiledModels(folder);
  file = join(folder, 'comments.csv');
  await writeFile(file, 'text\nyou are a stupid idiot\nsee you tomorrow\nwhat a lovely garden\n');
});
afterAll(() => rm(folder, { recursive: true }));

/** A database whose `public` has tables of another program, with names of ours. */
async function sharedDatabase(encoding?: string): Promise<{ fixture: TestDatabase; env: Environment }> {
  const fixture = await createTestDatabase({ schema: false, plain: true, ...(encoding && { encoding }) });
  onTestFinished(() => fixture.drop());
  return { fixture, env: { DATABASE_URL: fixture.url, DETOXQ_HOME: folder } };
}

async function succeed(args: readonly string[], env: Environment): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, env);
  expect(code, stdout + stderr).toBe(0);
  return stdout + stderr;
}

async function queueSchemas({ database }: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    "SELECT table_schema AS name FROM information_schema.tables WHERE table_name = 'job' ORDER BY 1",
  );
  return rows.map(({ name }) => name);
}

test('a run beside tables of another program, with the queue on Postgres', { timeout: TIMEOUT_MS }, async () => {
  const { fixture, env } = await sharedDatabase();
  await fixture.database.query('CREATE TABLE runs (id integer); CREATE TABLE results (note text)');
  expect(await succeed(['migrate'], env)).toContain('The schema detoxq is up to date.');
  const said = await succeed(['run', file], env);
  expect(said).toMatch(/results +table detoxq\.results, run_id/);
  expect(await queryRows('SELECT count(*) FROM results', env)).toEqual([{ count: 3 }]);
  await succeed(['verify', 'latest'], env);
  expect(await queueSchemas(fixture)).toEqual(['detoxq_jobs']);
  expect(await fixture.database.query('SELECT * FROM public.runs')).toEqual([]);
});

/** Two installations in one database, each with a run of its own. */
async function sideBySide(services: Environment): Promise<TestDatabase> {
  const { fixture, env } = await sharedDatabase();
  const [one, two] = ['team_one', 'team_two'].map((name) => ({ ...env, ...services, DETOXQ_SCHEMA: name }));
  if (one === undefined || two === undefined) throw new Error('two names make two environments');
  await succeed(['migrate'], one);
  expect(await succeed(['migrate'], two)).toContain('Other installations in this database, left as they are: team_one');
  await Promise.all([succeed(['run', file], one), succeed(['run', file, '--limit', '2'], two)]);
  expect(await queryRows('SELECT count(*) FROM results', one)).toEqual([{ count: 3 }]);
  expect(await queryRows('SELECT count(*) FROM results', two)).toEqual([{ count: 2 }]);
  await succeed(['verify', 'latest'], one);
  await succeed(['verify', 'latest'], two);
  const forgotten = await runCli(['run', file], { ...env, ...services });
  expect(forgotten).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/installation in team_one, team_two: to use it, set DETOXQ_SCHEMA=team_one/),
  });
  return fixture;
}

test('two installations in one database, with the queue on Postgres', { timeout: TIMEOUT_MS }, async () => {
  expect(await queueSchemas(await sideBySide({}))).toEqual(['team_one_jobs', 'team_two_jobs']);
});

describe.skipIf(redisUrl === null)(withRedis('queues on one Redis'), () => {
  test('two installations in one database have a queue each', { timeout: TIMEOUT_MS }, async () => {
    const redis = new Redis(redisUrl ?? '');
    onTestFinished(() => redis.disconnect());
    const queues = async () =>
      new Set((await redis.keys('{detoxq}:detoxq-*:installation')).map((key) => key.split(':')[1]));
    const before = await queues();
    await sideBySide({ REDIS_URL: redisUrl ?? '' });
    const made = [...(await queues())].filter((name) => !before.has(name));
    for (const name of made) await redis.del(...(await redis.keys(`{detoxq}:${name}:*`)));
    expect(made.length).toBeGreaterThanOrEqual(2);
  });

  test('a queue that another installation uses is refused', { timeout: TIMEOUT_MS }, async () => {
    const name = `test-shared-${process.pid}`;
    const { fixture, env } = await sharedDatabase();
    const redis = new Redis(redisUrl ?? '');
    onTestFinished(async () => {
      await redis.del(...(await redis.keys(`{detoxq}:${name}:*`)));
      redis.disconnect();
    });
    const services = { ...env, REDIS_URL: redisUrl ?? '', DETOXQ_QUEUE: name };
    await succeed(['run', file, '--limit', '1'], services);
    const other = { ...services, DETOXQ_SCHEMA: 'team_two' };
    await succeed(['migrate'], other);
    const refused = await runCli(['run', file], other);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      new RegExp(`queue ${name} on Redis .* another installation \\(.*schema detoxq\\).*schema team_two.*DETOXQ_QUEUE`),
    );
    expect(
      await inSchema(fixture.database, 'team_two').query("SELECT 1 FROM detoxq.runs WHERE state = 'done'"),
    ).toEqual([]);
  });
});

test('an installation of earlier versions, in public, goes on without a setting', { timeout: TIMEOUT_MS }, async () => {
  const { fixture, env } = await sharedDatabase();
  await migrate(inSchema(fixture.database, 'public'));
  const said = await succeed(['run', file], env);
  expect(said).toMatch(/results +table results, run_id/);
  expect(await succeed(['migrate'], env)).toBe('The schema public is up to date.\n');
  expect(await fixture.database.query('SELECT count(*) AS rows FROM public.results')).toEqual([{ rows: 3 }]);
  expect(await queueSchemas(fixture)).toEqual(['detoxq_queue']);
  expect(await fixture.database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'detoxq'")).toEqual([]);
});

test('session options of the address reach the queue, too', { timeout: TIMEOUT_MS }, async () => {
  const { fixture, env } = await sharedDatabase();
  const url = new URL(fixture.url);
  url.search = '?options=-c%20statement_timeout%3D55s';
  await succeed(['run', file, '--limit', '1'], { ...env, DATABASE_URL: url.href });
  expect(await queueSchemas(fixture)).toEqual(['detoxq_jobs']);
});

test.each(['LATIN1', 'SQL_ASCII'])(
  'migrate and run refuse a database with the encoding %s',
  { timeout: TIMEOUT_MS },
  async (encoding) => {
    const { env } = await sharedDatabase(encoding);
    for (const args of [['migrate'], ['run', file]]) {
      const { code, stderr } = await runCli(args, env);
      expect(code, args[0]).toBe(1);
      expect(stderr).toMatch(
        new RegExp(`has the encoding ${encoding}, and only UTF8 can hold every text: .*CREATE DATABASE`),
      );
    }
  },
);
