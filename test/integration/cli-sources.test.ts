import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cliEnvironment, ROOT, runCli } from '../support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'detoxq-sources-'));
const home = join(folder, 'home');
afterAll(() => rmSync(folder, { recursive: true }));

test.each(['run', 'enqueue'])('%s of a file that is not there ends before anything is started', async (verb) => {
  const result = await runCli([verb, 'no-such-file.csv'], { DETOXQ_HOME: home });
  expect(result).toMatchObject({ code: 1, stdout: '', stderr: 'detoxq: no-such-file.csv: no such file\n' });
  expect(existsSync(home)).toBe(false);
});

test('a folder is no text to score', () => {
  const command = `"${process.execPath}" src/cli/main.ts models score nano-roberta < "${folder}"`;
  const result = spawnSync('sh', ['-c', command], { cwd: ROOT, env: cliEnvironment({ DETOXQ_HOME: home }) });
  expect(result.status).toBe(2);
  expect(String(result.stderr)).toContain('standard input is a folder');
});
