import { execFileSync } from 'node:child_process';
import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliResult, runCli } from '../support/cli.ts';
import { linkCompiledModels } from '../support/compiled-models.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { canMount, mountSmallDisk } from '../support/small-disk.ts';

const ROWS = 'id,text\n1,thanks for the help\n2,see you at nine\n';

let fixture: TestDatabase;
let folder: string;
let source: string;
let env: Record<string, string>;
beforeAll(async () => {
  fixture = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'detoxq-outputs-'));
  linkCompiledModels(join(folder, 'home'));
  source = join(folder, 'comments.csv');
  writeFileSync(source, ROWS);
  symlinkSync(source, join(folder, 'link.csv'));
  linkSync(source, join(folder, 'hard.csv'));
  writeFileSync(join(folder, 'words.csv'), 'idiot\n');
  env = { DATABASE_URL: fixture.url, DETOXQ_HOME: join(folder, 'home') };
});
afterAll(async () => {
  await fixture.drop();
  rmSync(folder, { recursive: true });
});

const detoxq = (...args: string[]): Promise<CliResult> => runCli(args, env);
const refused = (why: string) => ({ code: 2, stdout: '', stderr: expect.stringContaining(why) });

async function runsNow(): Promise<number> {
  const [row] = await fixture.database.query<{ count: number }>('SELECT count(*) FROM runs');
  return row?.count ?? 0;
}

describe('an output that would replace what is read', { timeout: 240_000 }, () => {
  test('is refused before a run begins', async () => {
    expect(await detoxq('run', source, '--out', source)).toMatchObject(refused('a file that is read'));
    expect(await detoxq('run', source, '--out', join(folder, 'hard.csv'))).toMatchObject(refused(`(${source})`));
    const words = join(folder, 'words.csv');
    expect(await detoxq('run', source, '--bad-words', words, '--out', words)).toMatchObject(
      refused('a file that is read'),
    );
    const away = join(folder, 'away', 'out.csv');
    expect(await detoxq('run', source, '--out', away)).toMatchObject(refused('Make it first'));
    expect(await runsNow()).toBe(0);
    expect(readFileSync(source, 'utf8')).toBe(ROWS);
  });

  test('is refused by the verbs that take a run, which knows its sources', async () => {
    const first = join(folder, 'first.csv');
    expect(await detoxq('run', source, '--out', first)).toMatchObject({ code: 0 });
    const run = 'latest';
    for (const verb of ['export', 'resume', 'retry']) {
      const link = join(folder, 'link.csv');
      expect(await detoxq(verb, run, '--out', link)).toMatchObject(refused('this is a source of run r'));
    }
    const scores = ['--scores', source];
    expect(await detoxq('evaluate', '--run', run, ...scores)).toMatchObject(refused('--scores'));
    expect(await detoxq('evaluate', first, '--out', first)).toMatchObject(refused('a file that is read'));
    expect(await detoxq('resume', run, '--detach', '--out', first)).toMatchObject(refused('does not go with --detach'));
    expect(readFileSync(source, 'utf8')).toBe(ROWS);

    // An earlier export is replaced, also where there was nothing to try again.
    writeFileSync(first, 'old');
    expect(await detoxq('retry', run, '--out', first)).toMatchObject({ code: 0 });
    expect(readFileSync(first, 'utf8')).toContain('see you at nine');
  });

  test('may not be given twice, nor be a file of a checkpoint', async () => {
    const report = join(folder, 'report.md');
    const twice = ['--out', report, '--out', report];
    expect(await detoxq('models', 'compare', 'nano-bart', ...twice)).toMatchObject(refused('is given twice'));
    const card = 'models/nano-bart/README.md';
    const before = readFileSync(card, 'utf8');
    expect(await detoxq('models', 'compare', 'nano-bart', '--out', card)).toMatchObject(
      refused('a file of a checkpoint'),
    );
    expect(readFileSync(card, 'utf8')).toBe(before);
  });

  test.skipIf(!canMount)('keeps the rows and says how to write them again when its disk gets full', async () => {
    const disk = mountSmallDisk('16k');
    try {
      const many = join(folder, 'many.csv');
      writeFileSync(many, `id,text\n${Array.from({ length: 400 }, (_, n) => `${n},thanks for the help\n`).join('')}`);
      const out = join(disk.folder, 'out.csv');
      writeFileSync(out, 'old');
      const { code, stdout, stderr } = await detoxq('run', many, '--out', out);
      expect(stderr).toMatch(
        /Cannot write .*no space is left on the disk .* The rows of run (r\w+) are kept: detoxq export \1 --out FILE/,
      );
      expect(stdout).toContain('400 of 400 rows');
      expect(code).toBe(1);
      expect(readFileSync(out, 'utf8')).toBe('old');
      expect(readdirSync(disk.folder)).toEqual(['out.csv']);
    } finally {
      disk.remove();
    }
  });

  test('counts for standard input that is a file', () => {
    const line = `"$0" src/cli/main.ts run - --format csv --out ${source} < ${source}`;
    expect(() => execFileSync('/bin/sh', ['-c', line, process.execPath], { env, stdio: 'pipe' })).toThrow(
      'this is a file that is read',
    );
    expect(readFileSync(source, 'utf8')).toBe(ROWS);
  });
});
