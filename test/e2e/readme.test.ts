import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT, runCli } from '../support/cli.ts';
import { type CliHome, createCliHome } from '../support/cli-home.ts';

/*
 * The commands of README.md that need nothing but this repository, in the order of the page, in one home without services.
 */

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const COMMANDS = [...README.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  // Services of the reader.
  .filter(([, block = '']) => !block.includes('DATABASE_URL'))
  .flatMap(([, block = '']) => block.split('\n'))
  .flatMap((line) => /^npx detoxq (.+?)(?:\s+#.*)?$/.exec(line)?.[1] ?? [])
  // A file of the reader.
  .filter((command) => !/\bcomments\.jsonl/.test(command));

let home: CliHome;
beforeAll(async () => {
  home = await createCliHome();
});
afterAll(() => home.remove());

test('the commands are found', () => {
  expect(COMMANDS).toHaveLength(8);
  expect(COMMANDS[0]).toBe('run examples/comments.csv');
});

test.each(COMMANDS)('npx detoxq %s', { timeout: 240_000 }, async (command) => {
  const words = command.match(/"[^"]*"|\S+/g) ?? [];
  const args = words.map((word) => word.replace(/^"(.*)"$/, '$1').replace(/^cleaned\.csv$/, join(home.folder, '$&')));
  const { code, stdout, stderr } = await runCli(args, home.env);
  expect(code, stderr).toBe(0);
  // What the page shows of a run and of its rows is what comes out; times and ids differ.
  const shown = shownAfter(command);
  expect(shown.filter((line) => !stdout.includes(line) && !stderr.includes(line))).toEqual([]);
});

/** Lines of the block of output behind the block of a command, less those that hold a time or an id. */
function shownAfter(command: string): string[] {
  if (!/^(?:run|query) /.test(command)) return [];
  const block = README.slice(README.indexOf(`npx detoxq ${command}`)).split(/^```.*$/m)[2] ?? '';
  return block.split('\n').filter((line) => !/^Run |^\s*…|^$/.test(line));
}
