import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createRun } from '../../src/store/runs.ts';
import { runCli } from '../support/cli.ts';
import { linkCompiledModels } from '../support/compiled-models.ts';
import { createTestDatabase } from '../support/database.ts';
import { finishedRun, SETTINGS } from '../support/ledger.ts';
import { redisUrl } from '../support/services.ts';

test('a run is complete, or is not, and the text says which', async () => {
  const fixture = await createTestDatabase();
  onTestFinished(() => fixture.drop());
  const env = { DATABASE_URL: fixture.url, REDIS_URL: 'redis://127.0.0.1:1' };
  const done = await finishedRun(fixture.database, 4, 2);
  const whole = await runCli(['verify', done.id], env);
  expect(whole).toMatchObject({ code: 0, stdout: expect.stringContaining(`Run ${done.id} is complete: 4 rows = `) });
  const open = await createRun(fixture.database, {
    name: null,
    source: { files: [], options: {} },
    settings: SETTINGS,
  });
  const { code, stdout } = await runCli(['verify', open.id], env);
  expect(code).toBe(1);
  expect(stdout).toContain(`Run ${open.id} is not complete:\n  it is ${open.state}\n    what it waits for: `);
});

test('a run whose ledger lost chunks is not called whole, and resume reads them again', {
  timeout: 120_000,
}, async () => {
  const fixture = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'detoxq-gap-'));
  linkCompiledModels(folder);
  onTestFinished(async () => {
    await fixture.drop();
    await rm(folder, { recursive: true });
  });
  const env = { DATABASE_URL: fixture.url, DETOXQ_HOME: folder, ...(redisUrl !== null && { REDIS_URL: redisUrl }) };
  const file = join(folder, 'comments.csv');
  await writeFile(file, `text\n${Array.from({ length: 10 }, (_, n) => `what a lovely garden ${n}\n`).join('')}`);
  const run = (await runCli(['enqueue', file, '--chunk-rows', '2'], env)).stdout.trim();
  await fixture.database.query('DELETE FROM chunks WHERE run_id = $1 AND chunk_no = 2', [run]);
  // What is there is worked off by a worker, which knows nothing of the source.
  expect((await runCli(['worker', '--exit-when-empty'], env)).code).toBe(0);
  const status = await runCli(['status', run], env);
  expect(status.stdout).toContain('1 of its 5 chunks are no longer in the ledger');
  const verdict = await runCli(['verify', run], env);
  expect(verdict).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/4, 5\n +to have these rows read again: .*resume/),
  });
  const refused = await runCli(['export', run, '--out', join(folder, 'out.csv')], env);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('8 of 10 rows are done') });
  const resumed = await runCli(['resume', run], env);
  expect(resumed.code, resumed.stderr).toBe(0);
  expect((await runCli(['verify', run], env)).stdout).toContain('is complete: 10 rows = 10 results');
});
