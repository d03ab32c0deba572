import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { FOREIGN_VARIABLES, referencePage } from '../../scripts/reference.ts';
import { addVerbs } from '../../src/cli/verbs.ts';
import { environment, terminalEnvironment } from '../../src/config.ts';
import { ROOT } from '../support/cli.ts';

/*
 * What the docs name exists: files and headings behind links, files in code marks, scripts, verbs, options, environment
 * variables, tables and columns. `docs/reference.md` is what its script writes.
 */

const PAGES = globSync(
  ['*.md', 'docs/**/*.md', 'models/**/README.md', 'training/**/*.md', 'deploy/*/README.md', 'examples/*.md'],
  { cwd: ROOT },
).sort();
/** It names what earlier versions had. */
const HISTORY = 'CHANGELOG.md';

const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

const program = new Command('detoxq');
beforeAll(() => addVerbs(program, undefined));

/** Options that docs name and that belong to other programs. */
const FOREIGN_OPTIONS = new Set(['--heap-growing-percent', '--ignore-scripts', '--no-sync', '--scale', '--sum']);

/** Prefixes of names that are environment variables wherever they stand in capitals. */
const VARIABLE = /\b(?:DETOXQ|HF|NODE|ORT|ONNXRUNTIME|NVIDIA|POSTGRES|REDIS|DATABASE)_[A-Z0-9_]+\b|\bPGPASS[A-Z]+\b/g;
const KNOWN_VARIABLES = new Set([
  ...Object.keys(environment.shape),
  ...Object.keys(terminalEnvironment.shape),
  ...Object.keys(FOREIGN_VARIABLES),
  // Of the tests.
  ...['vitest.config.ts', 'package.json'].flatMap((file) => read(file).match(/\bDETOXQ_[A-Z_]+\b/g) ?? []),
]);

/** Every file of the repository, and every folder above one. */
const FILES = globSync('{.ci,src,test,bench,docs,scripts,deploy,training,models,migrations,examples}/**', {
  cwd: ROOT,
}).concat(globSync('*', { cwd: ROOT }));

/** Files and folders that a path in code marks may name: `*`, `…` and `<name>` stand for any name. */
function isInRepository(path: string): boolean {
  const pattern = path
    .replace(/\/$/, '')
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*|…|<\w+>/g, '[^/]*');
  const matches = new RegExp(`(^|/)${pattern}$`);
  return FILES.some((file) => matches.test(file));
}

/** A path from the root of the repository, or a source file by the end of its path. Placeholders of users are neither. */
function isRepositoryPath(span: string): boolean {
  if (/^(?:src|test|bench|docs|scripts|deploy|training|migrations|examples|\.ci)\/\S*$/.test(span)) return true;
  return /^[\w./*<>-]+\.(?:ts|mjs|py|sql|sh|md)$/.test(span) && !span.startsWith('./');
}

/** Spans in code marks, fenced blocks left out. */
function spansOf(page: string): string[] {
  const prose = read(page).replace(/^ *```[\s\S]*?^ *```/gm, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
}

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

/** Columns of each table and view of schema.sql. */
const TABLES = new Map(
  [...read('schema.sql').matchAll(/^CREATE (?:TABLE|VIEW) (\w+)[\s\S]*?;$/gm)].map(([definition, name = '']) => [
    name,
    new Set(definition.match(/\w+/g)),
  ]),
);

test('the pages are found, and the commands in them', () => {
  expect(PAGES).toEqual(expect.arrayContaining(['README.md', 'docs/operations.md', 'docs/decisions/README.md']));
  expect(PAGES.flatMap(commandsOf).length).toBeGreaterThan(100);
  expect([...TABLES.keys()]).toEqual(expect.arrayContaining(['results', 'detox_pairs']));
});

test('docs/reference.md is what its script writes (node scripts/reference.ts)', async () => {
  expect(read('docs/reference.md')).toBe(await referencePage());
});

test('docs/README.md lists every page of docs', () => {
  const linked = [...read('docs/README.md').matchAll(/\]\(([^)#\s]+)/g)].map(([, path = '']) => join('docs', path));
  const pages = PAGES.filter((page) => /^docs\/(?!README)[^/]+\.md$/.test(page));
  expect(linked).toEqual(expect.arrayContaining(pages));
});

test('docs/decisions/README.md lists every decision', () => {
  const index = read('docs/decisions/README.md');
  const pages = PAGES.filter((page) => /^docs\/decisions\/(?!README)/.test(page)).map((page) => page.split('/').at(-1));
  expect(pages.filter((page) => !index.includes(`](${page})`))).toEqual([]);
});

test('the pages that sources, helps and messages name exist', () => {
  const named = globSync(['src/**/*.ts', 'bench/**/*.ts', 'schema.sql', 'docker-compose.yml', '.ci/*'], { cwd: ROOT })
    .flatMap((file) => [...read(file).matchAll(/\b((?:docs|models|deploy)\/[\w/-]+\.md)(?:#([\w-]+))?/g)])
    .map(([, path = '', anchor]) => ({ path, anchor }));
  expect(named.map(({ path }) => path)).toContain('docs/generation.md');
  const isThere = ({ path, anchor }: (typeof named)[number]): boolean =>
    existsSync(join(ROOT, path)) && (anchor === undefined || anchorsOf(path).includes(anchor));
  expect(named.filter((each) => !isThere(each))).toEqual([]);
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

  test.skipIf(page === HISTORY || page.startsWith('training/'))('its options are options of a command', () => {
    const known = new Set(
      [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]
        .flatMap(({ options }) => options.map(({ long }) => long))
        .concat('--help', '--version', ...FOREIGN_OPTIONS),
    );
    const named = spansOf(page).flatMap((span) => /^--[a-z][a-z0-9-]*/.exec(span) ?? []);
    expect(named.filter((option) => !known.has(option))).toEqual([]);
  });

  test('the environment variables that it names are in the reference', () => {
    const named = read(page).match(VARIABLE) ?? [];
    expect(named.filter((name) => !KNOWN_VARIABLES.has(name))).toEqual([]);
  });

  test.skipIf(page === HISTORY)('the files and scripts that it names exist', () => {
    const scripts = Object.keys(JSON.parse(read('package.json')).scripts);
    const missing = spansOf(page).filter((span) => isRepositoryPath(span) && !isInRepository(span));
    for (const [command, script = ''] of read(page).matchAll(/\bnpm run ([\w:]+)/g))
      if (!scripts.includes(script)) missing.push(command);
    for (const [command, name = ''] of read(page).matchAll(/\bpython -m (training\.[\w.]+)/g))
      if (!isInRepository(`${name.replaceAll('.', '/')}.py`)) missing.push(command);
    for (const [command, file = ''] of read(page).matchAll(/\bnode ((?:bench|scripts)\/[\w./-]+)/g))
      if (!isInRepository(file)) missing.push(command);
    expect(missing).toEqual([]);
  });

  test.skipIf(page === HISTORY)('the columns that it names are in schema.sql', () => {
    const columns = spansOf(page).flatMap((span) => {
      const [, table = '', column = ''] = /^(?:detoxq\.)?(\w+)\.(\w+)\b/.exec(span) ?? [];
      return TABLES.has(table) && !/^(?:ts|sql|md)$/.test(column) ? [{ table, column }] : [];
    });
    expect(columns.filter(({ table, column }) => !TABLES.get(table)?.has(column))).toEqual([]);
  });
});

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
