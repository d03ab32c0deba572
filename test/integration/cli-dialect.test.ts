import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unpackRows } from '../../src/contract/chunk.ts';
import type { ChunkRow } from '../../src/contract/row.ts';
import { reopenDataset } from '../../src/producer/source.ts';
import { createRedisQueue } from '../../src/queue/redis-queue.ts';
import { getRun } from '../../src/store/runs.ts';
import { runCli } from '../support/cli.ts';
import { linkCompiledModels } from '../support/compiled-models.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { allRows, brief } from '../support/datasets.ts';
import { redisUrl, withRedis } from '../support/services.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'detoxq-dialect-'));
  linkCompiledModels(folder);
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

describe('options for files of rows', () => {
  test.each([
    [['--encoding', 'klingon'], /--encoding <name>.*is invalid.*windows-1252/],
    [['--delimiter', '||'], /--delimiter <character>.*is invalid.*one character/],
    [['--escape', 'ab'], /--escape <character>.*is invalid.*one character/],
    [['--skip-lines', 'x'], /--skip-lines <lines>.*is invalid/],
  ])('%j is wrong usage', async (options, message) => {
    const { code, stderr } = await runCli(['run', 'none.csv', ...options], { DETOXQ_HOME: folder });
    expect(code).toBe(2);
    expect(stderr.replaceAll('\n', ' ')).toMatch(message);
  });

  test('evaluate reads pairs by them, and refuses them for a run', async () => {
    const pairs = await file('pairs.csv', 'made today\nsrc|out\nyou fool|you\n');
    const refused = await runCli(['evaluate', '--run', 'latest', '--delimiter', '|'], { DETOXQ_HOME: folder });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--delimiter: of no effect with --run');
    const options = ['--delimiter', 'pipe', '--skip-lines', '1', '--json'];
    const judged = await runCli(['evaluate', pairs, ...options], { DETOXQ_HOME: folder });
    expect(judged.code).toBe(0);
    expect(judged.stdout).toContain('"rows": 1');
  });
});

describe.skipIf(redisUrl === null)(withRedis('enqueue'), () => {
  let fixture: TestDatabase;
  let env: Record<string, string>;
  const queueName = `test-dialect-${process.pid}`;

  beforeAll(async () => {
    fixture = await createTestDatabase();
    env = { DATABASE_URL: fixture.url, REDIS_URL: redisUrl ?? '', DETOXQ_QUEUE: queueName, DETOXQ_HOME: folder };
  });
  afterAll(async () => {
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const queue = await createRedisQueue({ url: redisUrl ?? '', name: queueName, log });
    await queue.obliterate();
    await queue.close();
    await fixture.drop();
  });

  async function rowsOf(runId: string): Promise<ChunkRow[]> {
    const chunks = await fixture.database.query<{ payload: Buffer }>(
      'SELECT payload FROM chunks WHERE run_id = $1 ORDER BY chunk_no',
      [runId],
    );
    return chunks.flatMap(({ payload }) => unpackRows(payload));
  }

  test('reads a file as the options say, and what is kept with the run reads it so again', {
    timeout: 60_000,
  }, async () => {
    const path = await file(
      'odd.csv',
      Buffer.from("Report\n\nid;text\n1;'a \\'b\\'; caf\xe9'\n2;\x93c\x94\n", 'latin1'),
    );
    const options = ['--delimiter', ';', '--quote', "'", '--escape', '\\', '--encoding', 'cp1252', '--skip-lines', '2'];
    const { code, stdout } = await runCli(['enqueue', path, ...options], env);
    expect(code).toBe(0);
    const run = await getRun(fixture.database, stdout.trim());
    expect(run.source.options).toMatchObject({
      delimiter: ';',
      quote: "'",
      escape: '\\',
      encoding: 'windows-1252',
      skipLines: 2,
    });
    const rows = await rowsOf(run.id);
    expect(rows.map(brief)).toEqual(["a 'b'; café", '“c”']);
    expect(await allRows(await reopenDataset(run.source))).toEqual(rows);
  });

  test('says what it guessed, and names a field that may have swallowed rows once', { timeout: 60_000 }, async () => {
    const path = await file('quotes.csv', 'id\ttext\n1\t"open secret\n2\tmore\n3\tend"\n4\tfine\n');
    const { code, stdout, stderr } = await runCli(['enqueue', path], env);
    expect(code).toBe(0);
    expect(stderr.match(/its fields are separated by tabs/g)).toHaveLength(1);
    expect(stderr.match(/line 2: the quoted field that begins here goes on to line 4; .* --quote none/g)).toHaveLength(
      1,
    );
    expect(stderr).not.toContain('secret');
    expect(await rowsOf(stdout.trim())).toHaveLength(2);
    const asText = await runCli(['enqueue', path, '--quote', 'none'], env);
    expect((await rowsOf(asText.stdout.trim())).map(brief)).toEqual(['"open secret', 'more', 'end"', 'fine']);
  });
});
