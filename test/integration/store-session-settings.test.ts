import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ADMINISTERED, ADMINISTERED_17, alterSet, wholeRun } from '../support/administered.ts';
import { createTestDatabase, onServer } from '../support/database.ts';

/** It runs twenty commands, and each loads the program again. */
const TIMEOUT_MS = 400_000;

test('settings of the database change nothing', { timeout: TIMEOUT_MS }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'detoxq-settings-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const services = async (administered: typeof ADMINISTERED) => {
    const fixture = await createTestDatabase({ schema: false, plain: true });
    onTestFinished(() => fixture.drop());
    const name = new URL(fixture.url).pathname.slice(1);
    const [server] = await fixture.database.query<{ version: number }>(
      "SELECT current_setting('server_version_num')::integer AS version",
    );
    const newer = administered.length > 0 && (server?.version ?? 0) >= 170_000 ? ADMINISTERED_17 : [];
    for (const statement of alterSet(`DATABASE ${name}`, [...administered, ...newer])) await onServer(statement);
    return { url: fixture.url, redisUrl: process.env.REDIS_URL ?? '', newer: newer.length > 0 };
  };
  const undisturbed = await wholeRun(folder, await services([]));
  expect(await wholeRun(folder, await services(ADMINISTERED))).toEqual(undisturbed);
});
