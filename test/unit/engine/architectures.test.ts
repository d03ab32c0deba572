import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, describe as group, it } from 'vitest';
import type { Architecture } from '../../../src/engine/architectures/architecture.ts';
import { ARCHITECTURES, classNames, classOf, describe, rolesOf } from '../../../src/engine/architectures/registry.ts';
import { readFields } from '../../../src/engine/checkpoint/config/fields.ts';

/* A new architecture is one folder and one fixture (docs/engine.md): what that means, for every folder. */

const ROOT = join(import.meta.dirname, '../../..');
const FOLDER = join(ROOT, 'src/engine/architectures');
const folders = readdirSync(FOLDER, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? entry.name : [],
);
const ABILITIES = ['generator', 'languageModel', 'classifier', 'encoder'] as const;

/** Names of the classes in `config.json` files, with the files. */
function classesIn(pattern: string, classesOf: (json: { config?: object; architectures?: string[] }) => string[]) {
  const files = globSync(pattern, { cwd: ROOT }).map((file) => join(ROOT, file));
  return files.flatMap((file) => classesOf(JSON.parse(readFileSync(file, 'utf8'))).map((name) => ({ name, file })));
}
const checkpoints = classesIn('test/fixtures/checkpoints/*/config.json', ({ architectures = [] }) => architectures);
const trees = classesIn('test/fixtures/module-trees/*.json', ({ config }) =>
  config && 'architectures' in config ? (config.architectures as string[]) : [],
);

group('architectures', () => {
  it('every folder exports one, and the registry has it', async () => {
    const exported: unknown[] = [];
    for (const folder of folders) exported.push(...Object.values(await import(join(FOLDER, folder, 'index.ts'))));
    expect(exported).toHaveLength(folders.length);
    expect(new Set(exported)).toEqual(new Set(ARCHITECTURES));
    const names = ARCHITECTURES.flatMap(({ classes }) => Object.keys(classes));
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(ARCHITECTURES)('$modelType: has a fixture, which every class of it reads', ({ classes }: Architecture) => {
    const own = checkpoints.filter(({ name }) => Object.hasOwn(classes, name));
    expect(own.length).toBeGreaterThan(0);
    for (const [name, known] of Object.entries(classes)) {
      // A class that differs in its head alone reads the fixtures of its relatives.
      const named = own.filter((fixture) => fixture.name === name);
      for (const { file } of named.length > 0 ? named : own) {
        for (const ability of ABILITIES.filter((ability) => known[ability] !== undefined)) {
          const read = known[ability]?.(readFields(file));
          expect(read, `${name} as ${ability}, ${file}`).toMatchObject({ vocabulary: expect.any(Number) });
        }
      }
    }
  });

  it.each(ARCHITECTURES)('$modelType: every module tree has a print of transformers', ({ classes }: Architecture) => {
    const printed = Object.keys(classes).filter((name) => classes[name]?.modules !== undefined);
    expect(printed.length).toBeGreaterThan(0);
    for (const printedClass of printed) {
      expect(trees.map(({ name }) => name)).toContain(printedClass);
    }
  });

  it('the graph and the module tree of a fixture agree on its shape', () => {
    const both = checkpoints.filter(({ name }) => classOf(name)?.modules !== undefined);
    expect(both.length).toBeGreaterThan(0);
    for (const { name, file } of both) {
      const { generator, classifier, encoder } = classOf(name) ?? {};
      const { traits } = describe(name, readFields(file));
      const read = (generator ?? classifier ?? encoder)?.(readFields(file));
      expect({ width: traits.width, vocabulary: traits.vocabulary }).toEqual({
        width: read?.size,
        vocabulary: read?.vocabulary,
      });
    }
  });

  it('every class can serve as something', () => {
    for (const name of classNames('modules')) expect(rolesOf(classOf(name) ?? {})).not.toEqual([]);
  });
});
