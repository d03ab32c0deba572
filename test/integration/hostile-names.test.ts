import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disarm } from '../../src/cli/terminal/standard-streams.ts';
import { forScreen, visible } from '../../src/cli/terminal/visible.ts';
import { runCli } from '../support/cli.ts';
import { type CliHome, createCliHome } from '../support/cli-home.ts';
import { CONTROLS, changeJson, copyCheckpoint, OBEYED, renameTensors } from '../support/hostile-checkpoints.ts';
import { createFakeScreen } from '../support/screen.ts';
import { HAS_TERMINAL, startOnTerminal } from '../support/terminal.ts';

let home: CliHome;
beforeAll(async () => {
  home = await createCliHome();
});
afterAll(() => home.remove());

/** Escapes that detoxq itself sends: styles, and what takes live lines away. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const OWN = /\u001b\[(?:\d{1,2}m|\d+A|J)|\r\n?/g;

/** Labels, class, tokens, tensors and folder are hostile; it can be run. */
function named(): string {
  const folder = copyCheckpoint('tiny-roberta', `folder${CONTROLS}`);
  changeJson(folder, 'config.json', (config) => {
    const labels = Object.keys(Object(config.id2label));
    const names = ['toxic', ...labels.map((label) => `${label}${CONTROLS}`)].slice(0, Math.max(2, labels.length));
    config.id2label = Object.fromEntries(names.map((name, i) => [String(i), name]));
    config.label2id = Object.fromEntries(names.map((name, i) => [name, i]));
  });
  return folder;
}

const BROKEN: readonly (readonly [string, (folder: string) => void])[] = [
  [
    'a class',
    (folder) =>
      changeJson(folder, 'config.json', (config) => Object.assign(config, { architectures: [`Bert${CONTROLS}`] })),
  ],
  [
    'a model type',
    (folder) => changeJson(folder, 'config.json', (config) => Object.assign(config, { model_type: CONTROLS })),
  ],
  [
    'a field',
    (folder) => changeJson(folder, 'config.json', (config) => Object.assign(config, { hidden_size: CONTROLS })),
  ],
  ['a tensor', (folder) => renameTensors(folder, (name) => (name.endsWith('bias') ? `${name}${CONTROLS}` : name))],
  [
    'a special token',
    (folder) =>
      changeJson(folder, 'tokenizer_config.json', (config) =>
        Object.assign(config, { unk_token: CONTROLS, truncation_side: 'left' }),
      ),
  ],
  ['a broken tokenizer', (folder) => writeFileSync(join(folder, 'tokenizer.json'), `{"model": "${'\u009b'}"}`)],
];

describe.each([
  ['inspect', (folder: string) => ['models', 'inspect', folder]],
  ['score', (folder: string) => ['models', 'score', folder, 'a text']],
  ['compile', (folder: string) => ['models', 'compile', folder]],
  ['generate', (folder: string) => ['models', 'generate', folder, 'a text']],
])('models %s', (_verb, args) => {
  test('names of a checkpoint that can be run', { timeout: 60_000 }, async () => {
    const { stdout, stderr } = await runCli(args(named()), home.env);
    expect(stdout + stderr).not.toMatch(OBEYED);
    expect(stdout + stderr).not.toBe('');
  });

  test.each(BROKEN)('%s of one that cannot', { timeout: 60_000 }, async (_what, spoil) => {
    const folder = copyCheckpoint('tiny-roberta', `folder${CONTROLS}`);
    spoil(folder);
    const { stdout, stderr } = await runCli(args(folder), home.env);
    expect(stdout + stderr).not.toMatch(OBEYED);
  });

  test.skipIf(!HAS_TERMINAL)('on a terminal, also as JSON', { timeout: 60_000 }, async () => {
    const started = startOnTerminal([...args(named()), ...(_verb === 'compile' ? [] : ['--json'])], home.env);
    await started.ended;
    expect(started.sent().replace(OWN, '')).not.toMatch(OBEYED);
  });
});

test('columns and files of a dataset', { timeout: 60_000 }, async () => {
  const file = join(home.folder, `data${CONTROLS.replace(/\//g, '')}.csv`);
  writeFileSync(file, `id,a${CONTROLS},b\n1,x,y\n`);
  const { stderr, code } = await runCli(['run', file, '--text-column', `none${CONTROLS}`], home.env);
  expect(code).not.toBe(0);
  expect(stderr).not.toMatch(OBEYED);
});

test('columns and file of a run wherever they are shown, and the name that it cannot have', {
  timeout: 120_000,
}, async () => {
  const name = `name${CONTROLS.replaceAll('\r', '')}`;
  const file = join(home.folder, `rows${CONTROLS}.csv`);
  const column = `text${CONTROLS.replaceAll('\r', '')}`;
  writeFileSync(file, `key,${column}\n\u009b1,a text\n`);
  const refused = await runCli(['run', file, '--name', name, '--text-column', column], home.env);
  expect(refused.code).toBe(2);
  expect(refused.stderr).not.toMatch(OBEYED);
  const run = await runCli(['run', file, '--text-column', column], home.env);
  expect(run.code, run.stderr).toBe(0);
  for (const args of [
    ['status'],
    ['status', 'latest'],
    ['verify', 'latest'],
    ['query', 'select * from runs'],
    ['retry', name],
  ]) {
    const { stdout, stderr } = await runCli(args, home.env);
    expect(stdout + stderr, args.join(' ')).not.toMatch(OBEYED);
  }
  expect(run.stdout + run.stderr).not.toMatch(OBEYED);
});

test('whatever is written to a screen keeps its line ends and our styles, and loses every other control', () => {
  const { stream, written } = createFakeScreen(80);
  disarm(stream);
  stream.write(`\u001b[31mred\u001b[39m\n\ta name: ${CONTROLS}\n`);
  expect(written().startsWith('\u001b[31mred\u001b[39m\n\ta name: \\x1b]0;title\\x07\\x1b[2J')).toBe(true);
  expect(written().replace(OWN, '')).not.toMatch(OBEYED);
});

test('what is escaped within JSON stays JSON, and says the same', () => {
  const value = { name: '\u009b\u202e\u200b\u2028' };
  expect(forScreen(JSON.stringify(value))).not.toMatch(OBEYED);
  expect(JSON.parse(forScreen(JSON.stringify(value)))).toEqual(value);
  expect(visible('👩‍👧 नमस्‍ते')).toBe('👩‍👧 नमस्‍ते');
});
