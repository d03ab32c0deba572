import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from '../support/cli.ts';

test('a damaged record of the keeper is one of a keeper that is gone', { timeout: 60_000 }, async () => {
  const home = mkdtempSync(join(tmpdir(), 'detoxq-record-'));
  try {
    mkdirSync(join(home, 'services'));
    for (const [at, record] of ['{"process":1}', '[]', '{"process":{"pid":1}}'].entries()) {
      writeFileSync(join(home, 'services', `keeper.${at + 1}`), record);
    }
    writeFileSync(join(home, 'services', 'keeper.9'), '{"process":{"pid":-1}}');
    const { code, stdout, stderr } = await runCli(['services', 'status'], { DETOXQ_HOME: home });
    expect(stdout + stderr).toBe('No embedded services are running.\n');
    expect(code).toBe(1);
  } finally {
    rmSync(home, { recursive: true });
  }
});
