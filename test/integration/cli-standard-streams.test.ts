import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cliEnvironment, ROOT } from '../support/cli.ts';
import { linkCompiledModels } from '../support/compiled-models.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { canMount, mountSmallDisk } from '../support/small-disk.ts';

const MAIN = join(ROOT, 'src', 'cli', 'main.ts');

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let fixture: TestDatabase;
let home: string;
beforeAll(async () => {
  fixture = await createTestDatabase();
  home = mkdtempSync(join(tmpdir(), 'detoxq-streams-'));
  linkCompiledModels(home);
});
afterAll(async () => {
  await fixture.drop();
  rmSync(home, { recursive: true });
});

/** A line of bash, in which `$DETOXQ` is the program. */
function bash(line: string): Promise<Ended> {
  const env = cliEnvironment({ DATABASE_URL: fixture.url, DETOXQ_HOME: home, DETOXQ: `${process.execPath} ${MAIN}` });
  return new Promise((resolve) => {
    execFile('/bin/bash', ['-c', line], { env, cwd: ROOT, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const MANY_ROWS = `query --json "select n, repeat('x', 100) as x from generate_series(1, 100000) n"`;

describe('standard output', () => {
  test.each([
    ['query --json', MANY_ROWS],
    ['status --json', 'status --json'],
    ['models list', 'models list'],
    ['--help', '--help'],
    ['models score', 'models score nano-roberta --json < <(yes thanks | head -3000)'],
  ])(
    'whose reader ends early ends %s without a word',
    async (_, verb) => {
      const { stderr, code } = await bash(
        `set -o pipefail; { $DETOXQ ${verb}; echo "code $?" >&2; } | head -c 1 > /dev/null`,
      );
      expect(stderr.replace(/^[\d,]+ rows?.*\n/, '')).toBe('code 0\n');
      expect(code).toBe(0);
    },
    60_000,
  );

  test.skipIf(process.platform !== 'linux').each([
    ['query --json', MANY_ROWS],
    ['query', `query "select 1 as n"`],
    ['status --json', 'status --json'],
    ['models score', 'models score nano-roberta thanks'],
    ['services status', 'services status --json'],
    ['--help', '--help'],
  ])(
    'that is full ends %s with one line and code 1',
    async (_, verb) => {
      const { stderr, code } = await bash(`$DETOXQ ${verb} > /dev/full`);
      expect(stderr.replace(/^1 row\n/, '')).toBe(
        'detoxq: Cannot write to standard output: no space is left on the disk. What it has is not complete.\n',
      );
      expect(code).toBe(1);
    },
    60_000,
  );

  test('is complete when the command has ended, however slow its reader is', async () => {
    const { stdout, code } = await bash(`set -o pipefail; $DETOXQ ${MANY_ROWS} | { sleep 1; wc -l; }`);
    expect(code).toBe(0);
    expect(Number(stdout)).toBe(100_000);
  }, 60_000);

  test.skipIf(!canMount)(
    'in a file is never cut short in silence by a disk that gets full',
    async () => {
      const disk = mountSmallDisk('64k');
      try {
        const file = join(disk.folder, 'rows.jsonl');
        // One write that is larger than the disk: Node takes what fits for all of it.
        const { stderr, code } = await bash(`$DETOXQ query --json "select repeat('x', 100000) as x" > ${file}`);
        expect(statSync(file).size).toBe(65_536);
        expect(stderr).toContain('Cannot write to standard output: no space is left on the disk');
        expect(code).toBe(1);
      } finally {
        disk.remove();
      }
    },
    60_000,
  );

  test('that is broken does not hide a verdict', async () => {
    const { stderr } = await bash('{ $DETOXQ services status; echo "code $?" >&2; } | true');
    expect(stderr).toBe('code 1\n');
  }, 60_000);
});

describe('standard error', () => {
  test.each([
    ['is full', '2> /dev/full'],
    ['has no reader', '2> >(true)'],
    ['is closed', '2>&-'],
  ])(
    'that %s does not matter to what is printed',
    async (_, where) => {
      const { stdout, code } = await bash(`sleep 0.2; $DETOXQ query --json "select 1 as n" ${where}`);
      expect(stdout).toBe('{"n":1}\n');
      expect(code).toBe(0);
    },
    60_000,
  );

  test('that is closed leaves an error its exit code', async () => {
    expect((await bash('$DETOXQ query "" 2>&-')).code).toBe(2);
    expect((await bash('$DETOXQ models score nano-roberta hello <&- >&- 2>&-')).code).toBe(0);
  }, 60_000);
});
