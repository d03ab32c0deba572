import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT, startProgram } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/* The programs in the docs run, on the sources in place of the package. */

const SOURCES = { 'detoxq/engine': 'src/engine.ts', detoxq: 'src/index.ts' };
const PROGRAMS = ['README.md', 'docs/library.md'].flatMap((page) =>
  [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^```ts\n(import [\s\S]*?)^```/gm)].map(
    ([, program = ''], at) => [`${page}, program ${at + 1}`, program] as const,
  ),
);

let folder: string;
let fixture: TestDatabase;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'detoxq-examples-'));
  symlinkSync(join(ROOT, 'examples'), join(folder, 'examples'));
  fixture = await createTestDatabase();
});
afterAll(async () => {
  await fixture.drop();
  rmSync(folder, { recursive: true, force: true });
});

test('the programs are found', () => {
  expect(PROGRAMS.length).toBeGreaterThan(3);
});

test.each(PROGRAMS)('%s', { timeout: 240_000 }, async (_, program) => {
  const file = join(folder, 'program.ts');
  const onSources = program.replace(/ from '(detoxq(?:\/engine)?)';/g, (_line, name: keyof typeof SOURCES) => {
    return ` from '${pathToFileURL(join(ROOT, SOURCES[name])).href}';`;
  });
  // What it writes goes beside it.
  writeFileSync(file, `process.chdir(import.meta.dirname);\n${onSources}`);
  const env = { DATABASE_URL: fixture.url, DETOXQ_HOME: join(folder, 'home') };
  const { code, stdout, stderr } = await startProgram(file, [], env).ended;
  expect(code, stderr).toBe(0);
  expect(stdout).not.toBe('');
});
