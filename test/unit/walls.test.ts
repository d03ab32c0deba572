import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

/* The walls of src/: the tables of docs/architecture.md, enforced. Imports of types count. */

const IMPORT =
  /(?:\bfrom|\bimport\s*\(|\bimport|createRequire\(import\.meta\.url\)(?:\.resolve)?\()\s*['"]([^'"]+)['"]/g;
const ROOT = join(import.meta.dirname, '../..');

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = globSync('src/**/*.ts', { cwd: ROOT }).map((file) => file.slice('src/'.length));
const imports: readonly Import[] = files.flatMap((from) => {
  const source = readFileSync(join(ROOT, 'src', from), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  return [...source.matchAll(IMPORT)].map(([, named = '']) => ({
    from,
    to: named.startsWith('.') ? normalize(join(dirname(from), named)) : named,
  }));
});
const inner = imports.filter(({ to }) => to.endsWith('.ts'));

/** The folder of a file at a depth of the tree; a file at that depth stands for itself. */
function folderOf(file: string, depth = 0): string {
  return file.split('/')[depth] ?? '';
}

/** Rows of the table of docs/architecture.md whose first column has this title: cells of each, without code marks. */
function table(title: string): string[][] {
  const lines = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8').split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${title} |`));
  if (start < 0) throw new Error(`docs/architecture.md has no table whose first column is "${title}"`);
  const end = lines.findIndex((line, at) => at > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

const words = (cell = ''): readonly string[] => cell.match(/[@\w./-]+/g) ?? [];
const rooms = table('room').map(([room, , allowed, libraries]) => ({
  room: words(room)[0] ?? '',
  allowed: words(allowed),
  libraries: words(libraries),
}));
const layers = table('layer of `engine`').map(([layer, , allowed]) => ({
  layer: words(layer)[0] ?? '',
  allowed: words(allowed),
}));
const show = ({ from, to }: Import) => `${from} → ${to}`;

describe('walls', () => {
  it('every folder of src is a room in the table, and every layer of the engine, too', () => {
    const found = new Set(files.map((file) => folderOf(file)));
    expect(rooms.map(({ room }) => room).sort()).toEqual([...found].sort());
    const inside = files.filter((file) => /^engine\/.*\//.test(file)).map((file) => folderOf(file, 1));
    expect(layers.map(({ layer }) => layer).sort()).toEqual([...new Set(inside)].sort());
  });

  it.each(rooms)('$room imports only what the table allows', ({ room, allowed }) => {
    const own = inner.filter(({ from }) => folderOf(from) === room);
    const crossing = own.filter(({ to }) => folderOf(to) !== room);
    expect(crossing.filter(({ to }) => !allowed.includes(folderOf(to))).map(show)).toEqual([]);
    const used = new Set(crossing.map(({ to }) => folderOf(to)));
    expect(
      allowed.filter((other) => !used.has(other)),
      'allowed, and not used',
    ).toEqual([]);
  });

  it.each(layers)('engine/$layer imports only what the table allows', ({ layer, allowed }) => {
    const own = inner.filter(({ from, to }) => from.startsWith(`engine/${layer}/`) && to.startsWith('engine/'));
    const crossing = own.filter(({ to }) => folderOf(to, 1) !== layer);
    expect(crossing.filter(({ to }) => !allowed.includes(folderOf(to, 1))).map(show)).toEqual([]);
    const used = new Set(crossing.map(({ to }) => folderOf(to, 1)));
    expect(
      allowed.filter((other) => !used.has(other)),
      'allowed, and not used',
    ).toEqual([]);
  });

  it('a room with a door is entered through it', () => {
    const doors = new Set(files.filter((file) => /^[^/]+\/index\.ts$/.test(file)).map((file) => folderOf(file)));
    expect(doors).toContain('engine');
    const past = inner.filter(
      ({ from, to }) => folderOf(from) !== folderOf(to) && doors.has(folderOf(to)) && !/^[^/]+\/index\.ts$/.test(to),
    );
    expect(past.map(show)).toEqual([]);
  });

  it('a library has the room that the table names as its only importer', () => {
    const owners = new Map(
      rooms.flatMap(({ room, libraries }) => libraries.map((library) => [library, room] as const)),
    );
    const ofLibraries = imports.filter(({ to }) => owners.has(to));
    expect(new Set(ofLibraries.map(({ to }) => to))).toEqual(new Set(owners.keys()));
    expect(ofLibraries.filter(({ from, to }) => folderOf(from) !== owners.get(to)).map(show)).toEqual([]);
  });

  it('no files import each other in a circle', () => {
    const to = new Map(files.map((file) => [file, inner.filter(({ from }) => from === file).map((edge) => edge.to)]));
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      if (done.has(file) || path.includes(file)) return;
      for (const next of to.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(circles).toEqual([]);
  });
});
