import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { UsageError } from '../../src/contract/errors.ts';
import { ALIASES, promptFor } from '../../src/engine/catalog/aliases.ts';
import { bundledNames, findCheckpoint, modelsFolder } from '../../src/engine/catalog/catalog.ts';
import { isHubId, presentId } from '../../src/engine/catalog/pulled.ts';

const ROOT = join(import.meta.dirname, '../..');
const TINY = join(ROOT, 'test/fixtures/weights/whole-torch');
const home = mkdtempSync(join(tmpdir(), 'detoxq-catalog-'));
afterAll(() => rmSync(home, { recursive: true }));

const find = (name: string) => findCheckpoint(name, ROOT, home);

function place(id: string, commit: string, revision?: string): string {
  const repository = join(modelsFolder(home), ...id.split('/'));
  const folder = join(repository, commit);
  cpSync(TINY, folder, { recursive: true });
  mkdirSync(join(repository, '.refs'), { recursive: true });
  if (revision !== undefined) writeFileSync(join(repository, '.refs', encodeURIComponent(revision)), `${commit}\n`);
  return folder;
}

const A = 'a'.repeat(40);
const B = 'b'.repeat(40);

describe('what a name means', () => {
  test('a bundled checkpoint comes with the package', () => {
    for (const name of bundledNames(ROOT)) {
      expect(find(name)).toEqual({ name, folder: join(ROOT, 'models', name) });
    }
  });

  test('an alias, its hub id and an old name of it mean what was pulled, under the name that was given', () => {
    expect(() => find('bart-base-detox')).toThrow(UsageError);
    expect(() => find('bart-base-detox')).toThrow(
      expect.objectContaining({ code: 'checkpoint_not_pulled', data: { checkpoint: 'bart-base-detox' } }),
    );
    const folder = place('s-nlp/bart-base-detox', A, 'main');
    const names = ['bart-base-detox', 's-nlp/bart-base-detox', 'SkolkovoInstitute/bart-base-detox'];
    for (const name of names.flatMap((known) => [known, `${known}@main`, `${known}@${A}`])) {
      expect(find(name)).toEqual({ name, folder });
    }
    expect(() => find('bart-base-detox@v2')).toThrow(
      expect.objectContaining({ code: 'checkpoint_not_pulled', data: { checkpoint: 'bart-base-detox@v2' } }),
    );
  });

  test('a revision means the commit that it was when it was pulled', () => {
    const main = place('owner/model', A, 'main');
    const tag = place('owner/model', B, 'release/1');
    expect(find('owner/model').folder).toBe(main);
    expect(find('owner/model@release/1').folder).toBe(tag);
    expect(find(`owner/model@${B}`).folder).toBe(tag);
    expect(find('owner/model@bbbbbbb').folder).toBe(tag);
    expect(() => find('owner/model@v2')).toThrow(
      expect.objectContaining({ code: 'checkpoint_not_found', data: { checkpoint: 'owner/model@v2', hub: true } }),
    );
  });

  test('a folder is known by its absolute path', () => {
    expect(find(TINY)).toEqual({ name: TINY, folder: TINY });
    expect(find(relative(process.cwd(), TINY))).toEqual({ name: TINY, folder: TINY });
    expect(() => find(home)).toThrow('is not a checkpoint');
  });

  test('anything else says what there is', () => {
    expect(() => find('nonsense')).toThrow(/Give a bundled one \(.*nano-bart.*\), an alias \(.*roberta-toxicity/);
    expect(() => find('a/b/c')).toThrow('There is no checkpoint "a/b/c"');
    expect(() => find('../nano-bart')).toThrow(UsageError);
  });
});

test('aliases are well-formed, and none hides a bundled checkpoint', () => {
  const names = ALIASES.map(({ name }) => name);
  expect(new Set([...names, ...bundledNames(ROOT)]).size).toBe(names.length + bundledNames(ROOT).length);
  for (const { hub, roles, prompt } of ALIASES) {
    expect(isHubId(hub)).toBe(true);
    expect(presentId(hub)).toBe(hub);
    expect(roles.length).toBeGreaterThan(0);
    if (prompt !== undefined) expect(prompt.split('{text}')).toHaveLength(2);
  }
});

test('a prompt is known by alias and by every name of the hub', () => {
  for (const name of [
    't5-paraphrase',
    's-nlp/t5-paraphrase-paws-msrp-opinosis-paranmt',
    'SkolkovoInstitute/t5-paraphrase-paws-msrp-opinosis-paranmt@main',
  ]) {
    expect(promptFor(name)).toBe('paraphrase: {text}');
  }
  expect(promptFor('t5-paranmt-detox')).toBeNull();
  expect(promptFor('/some/folder')).toBeNull();
});
