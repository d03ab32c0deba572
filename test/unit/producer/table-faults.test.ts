import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openDataset } from '../../../src/producer/dataset.ts';
import { allRows } from '../../support/datasets.ts';

async function fileOf(name: string, content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'detoxq-table-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

async function read(file: string, options: { readonly format?: 'txt' } = {}) {
  const notes: string[] = [];
  const dataset = await openDataset([file], { ...options, onNote: (note) => notes.push(note) });
  try {
    return { rows: await allRows(dataset), notes };
  } finally {
    dataset.close();
  }
}

test.each([
  ['id\ttext\n1\tyou fool\n\n2\thello\n', /each of its first lines has 1 tab, as in a table; with --format tsv/],
  ['a\tb\tc\n1\t2\t3\n', /has 2 tabs/],
  ['{"text": "you fool"}\n{"text": "hello", "n": 1}\n', /is a JSON object; with --format jsonl/],
])('lines of text that are a table are read, with a note: %j', async (content, note) => {
  const file = await fileOf('a.txt', content);
  const { rows, notes } = await read(file);
  expect(rows).toHaveLength(content.trimEnd().split('\n').length);
  expect(notes).toHaveLength(1);
  expect(notes[0]).toMatch(note);
  // Who says the format means it.
  expect((await read(file, { format: 'txt' })).notes).toEqual([]);
});

test.each(['a line\twith a tab\n', 'one\ttab\nnone\n', '{ not JSON }\n{"a": 1}\n', 'plain\nlines\n'])(
  'other lines are read without a note: %j',
  async (content) => {
    expect((await read(await fileOf('b.txt', content))).notes).toEqual([]);
  },
);

test('a title above a table is refused, with the lines to leave out', async () => {
  const file = await fileOf('c.csv', 'Comments of May\nid,text\n1,you fool\n2,hello\n');
  await expect(read(file)).rejects.toThrow(/line 1: the header has 1 column, .* rows has 2; .*--skip-lines 1$/);
  const { rows } = await read(await fileOf('d.csv', '# a, comment\nid,text,user\n1,you fool,x\n2,hello,y\n'));
  expect(rows[0]).toMatchObject({ fault: { message: expect.stringContaining('--skip-lines') } });
});

test('NUL in a header is called so', async () => {
  const file = await fileOf('e.csv', `id,te\0xt\n1,${'you fool '.repeat(20)}\n`);
  await expect(read(file)).rejects.toThrow(/line 1: the header holds NUL, so the file is binary or UTF-16/);
});
