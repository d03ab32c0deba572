import { existsSync, readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { addVerbs } from '../../src/cli/verbs.ts';
import { ROOT } from '../support/cli.ts';

/*
 * What the docs mention is there: files and headings behind links, verbs, options, environment variables.
 */

const PAGES: string[] = [];
for await (const page of glob(['*.md', 'docs/**/*.md', 'models/*/README.md', 'training/**/*.md'], { cwd: ROOT }))
  PAGES.push(page);

const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

const program = new Command('detoxq');
beforeAll(() => addVerbs(program, undefined));

/** As GitHub names the anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/`|\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#{1,6} +(.+?)\s*$/gm)].map(([, heading = '']) => anchorOf(heading));
}

test('the pages are found, and the commands in them', () => {
  expect(PAGES).toEqual(expect.arrayContaining(['README.md', 'docs/operations.md', 'docs/decisions/README.md']));
  expect(PAGES.flatMap(commandsOf).length).toBeGreaterThan(100);
});

describe.each(PAGES)('%s', (page) => {
  test('its links lead to something', () => {
    const broken: string[] = [];
    for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : relative(ROOT, resolve(ROOT, dirname(page), path));
      if (!existsSync(join(ROOT, file))) broken.push(target);
      else if (anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).includes(anchor)) broken.push(target);
    }
    expect(broken).toEqual([]);
  });

  test('its commands have the verbs and options that it names', () => {
    const unknown: string[] = [];
    for (const line of commandsOf(page)) {
      const words = line.match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
      const verb = program.commands.find((command) => command.name() === words[0]);
      if (verb === undefined) {
        if (/^[a-z]/.test(words[0] ?? '')) unknown.push(line);
        continue;
      }
      const command = verb.commands.find((each) => each.name() === words[1]) ?? verb;
      for (const word of words) {
        const option = /^--[a-z][a-z0-9-]*/.exec(word)?.[0];
        if (option === undefined || option === '--help') continue;
        if (!command.options.some((known) => known.long === option)) unknown.push(`${line}: ${option}`);
      }
    }
    expect(unknown).toEqual([]);
  });

  test('the variables that it names are read somewhere', () => {
    const named = new Set([...read(page).matchAll(/\bDETOXQ_[A-Z_]+\b/g)].map(([name]) => name));
    const unknown = [...named].filter((name) => !KNOWN_VARIABLES.has(name));
    expect(unknown).toEqual([]);
  });
});

/** Those of the program, of the fault tests, and of the compose file. */
const KNOWN_VARIABLES = new Set(
  ['src/config.ts', 'vitest.config.ts', 'docker-compose.yml'].flatMap((file) =>
    [...read(file).matchAll(/\bDETOXQ_[A-Z_]+\b/g)].map(([name]) => name),
  ),
);

/** What follows `detoxq` in code, up to a pipe or another command. */
function commandsOf(page: string): string[] {
  const code = [...read(page).matchAll(/```sh\n([\s\S]*?)```|`([^`\n]+)`/g)].map(
    ([, block, span]) => block ?? span ?? '',
  );
  const lines = code.flatMap((text) => text.replace(/\\\n/g, ' ').split('\n'));
  return lines.flatMap((line) =>
    [...line.replace(/\s#.*$/, '').matchAll(/(?:^|[\s;(&|])detoxq ((?:"[^"]*"|'[^']*'|[^|;&)"'])+)/g)].map(
      ([, rest = '']) => rest.trim(),
    ),
  );
}
