import { expect, onTestFinished, test } from 'vitest';
import { createRun } from '../../src/store/runs.ts';
import { runCli } from '../support/cli.ts';
import { createTestDatabase } from '../support/database.ts';
import { finishedRun, SETTINGS } from '../support/ledger.ts';

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
  expect(stdout).toContain(`Run ${open.id} is not complete:\n  it is ${open.state}\n`);
});
