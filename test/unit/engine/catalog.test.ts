import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/contract/errors.ts';
import { ALIASES, promptFor } from '../../../src/engine/catalog/aliases.ts';
import {
  BUNDLED,
  bundledNames,
  findCheckpoint,
  MORE_MODELS,
  modelsFolder,
} from '../../../src/engine/catalog/catalog.ts';
import { isHubId, presentId } from '../../../src/engine/catalog/pulled.ts';

const ROOT = join(import.meta.dirname, '../../..');
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

describe('the models of two packages', () => {
  const json = (file: string) => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));

  test('share every bundled checkpoint, in one version', () => {
    const own = json('package.json');
    const more = json('models/package.json');
    expect(more).toMatchObject({ name: 'detoxq-models', version: own.version });
    expect(more.files.toSorted()).toEqual(MORE_MODELS.toSorted());
    const shipped = own.files.filter((file: string) => file.startsWith('models/nano-'));
    expect(shipped.toSorted()).toEqual(Object.values(BUNDLED).map((name) => `models/${name}`));
    expect([...Object.values(BUNDLED), ...MORE_MODELS].toSorted()).toEqual(bundledNames(ROOT));
  });

  test('the second one is found beside detoxq, and its absence says what to install', () => {
    const installed = join(home, 'node_modules/detoxq');
    mkdirSync(join(installed, 'models'), { recursive: true });
    writeFileSync(join(installed, 'package.json'), '{}');
    cpSync(TINY, join(installed, 'models', BUNDLED.scorer), { recursive: true });
    expect(() => findCheckpoint('nano-sim', installed, home)).toThrow('npm install detoxq-models');
    expect(bundledNames(installed)).toEqual([BUNDLED.scorer]);

    const beside = join(home, 'node_modules/detoxq-models');
    cpSync(TINY, join(beside, 'nano-sim'), { recursive: true });
    writeFileSync(join(beside, 'package.json'), '{}');
    expect(findCheckpoint('nano-sim', installed, home)).toEqual({ name: 'nano-sim', folder: join(beside, 'nano-sim') });
    expect(bundledNames(installed)).toEqual([BUNDLED.scorer, 'nano-sim']);
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
