import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPairFiles } from '../../../src/app/evaluate-files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'detoxq-pairs-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const COLUMNS = { srcColumn: 'src', outColumn: 'out', refColumn: null };

async function read(path: string, columns = {}) {
  const [source] = await openPairFiles([path], { ...COLUMNS, ...columns }, () => {});
  const rows = [];
  for await (const row of source!.rows) rows.push(row);
  source!.close();
  return { rows, hasReferences: source!.hasReferences };
}

const output = (rowNo: number, source: string, text: string | null, references: string[] = []) => ({
  ...{ kind: 'output', rowNo, rowKey: null, source, output: text, references, isClean: false },
});

describe('files of pairs', () => {
  it('finds the columns of pairs and references, in CSV as in JSONL', async () => {
    const csv = await read(await file('a.csv', 'ref,out,src,ref2,reference\nr,o,"s, s",,x\n'));
    expect(csv).toEqual({ rows: [output(0, 's, s', 'o', ['r'])], hasReferences: true });
    const jsonl = await read(await file('a.jsonl', '{"src":"s","out":"o"}\n{"src":"t","out":null}\n{"src":"u"}\n'));
    expect(jsonl).toEqual({
      rows: [output(0, 's', 'o'), output(1, 't', null), output(2, 'u', null)],
      hasReferences: false,
    });
  });

  it('takes the columns that are named', async () => {
    const path = await file('b.tsv', 'toxic\tneutral1\tmine\nbad\tgood\tfine\n');
    const columns = { srcColumn: 'toxic', outColumn: 'mine', refColumn: ['neutral1'] };
    expect((await read(path, columns)).rows).toEqual([output(0, 'bad', 'fine', ['good'])]);
    const copy = { srcColumn: 'toxic', outColumn: 'toxic', refColumn: ['neutral1'] };
    expect((await read(path, copy)).rows).toEqual([output(0, 'bad', 'bad', ['good'])]);
  });

  it('counts a row that cannot be read as failed, in its place', async () => {
    const { rows } = await read(await file('c.csv', 'src,out\na,b\nc\nd,e\n'));
    expect(rows[1]).toEqual({
      kind: 'failed',
      rowNo: 1,
      rowKey: null,
      reason: 'wrong_field_count',
      message: expect.stringContaining('line 3'),
    });
    expect(rows).toHaveLength(3);
  });

  it('says which column is missing, and by which option it is named', async () => {
    const path = await file('d.csv', 'source,output\na,b\n');
    await expect(read(path)).rejects.toThrow('has no column "src" (--src-column). Columns: source, output');
    await expect(read(path, { srcColumn: 'source' })).rejects.toThrow('has no column "out" (--out-column)');
    const named = { srcColumn: 'source', outColumn: 'output', refColumn: ['ref'] };
    await expect(read(path, named)).rejects.toThrow('has no column "ref" (--ref-column)');
    await expect(read(await file('d.txt', 'a line\n'))).rejects.toThrow(/d\.txt/);
  });

  it('finds a column wherever a row keeps it: one called detoxq, the id, and one called as a part of every object', async () => {
    const content = (columns: string) => `${columns}\n4,bad tea,tea,good tea\n`;
    const csv = await file('e.csv', content('id,src,detoxq,constructor'));
    const [byName] = (await read(csv, { outColumn: 'detoxq', refColumn: ['constructor'] })).rows;
    expect(byName).toMatchObject({ output: 'tea', references: ['good tea'], rowKey: '4' });
    const [byId] = (await read(csv, { outColumn: 'id', refColumn: ['detoxq', 'id', 'src'] })).rows;
    expect(byId).toMatchObject({ output: '4', references: ['tea', '4', 'bad tea'] });
    const both = await file('f.csv', content('detoxq_,src,detoxq,ref'));
    const [moved] = (await read(both, { outColumn: 'detoxq', refColumn: ['detoxq_'] })).rows;
    expect(moved).toMatchObject({ output: 'tea', references: ['4'] });
    const source = await file('g.csv', content('detoxq,src,out,ref'));
    const [asSource] = (await read(source, { srcColumn: 'detoxq', outColumn: 'detoxq' })).rows;
    expect(asSource).toMatchObject({ source: '4', output: '4' });
  });

  it('does the same in JSONL, reads numbers as their digits, and lacks what a row does not have', async () => {
    const lines: Readonly<Record<string, unknown>>[] = [
      { id: 7, src: 'a \ud800', detoxq: 'b', constructor: 12.5 },
      { id: '', src: 's', detoxq: null, constructor: true },
      { src: 's' },
    ];
    const path = await file('h.jsonl', lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const named = await read(path, { outColumn: 'detoxq', refColumn: ['id', 'constructor'] });
    expect(named.rows.map((row) => row.kind === 'output' && [row.output, row.references])).toEqual([
      ['b', ['7', '12.5']],
      [null, []],
      [null, []],
    ]);
    const digits = await read(path, { outColumn: 'constructor' });
    expect(digits.rows.map((row) => row.kind === 'output' && row.output)).toEqual(['12.5', null, null]);
  });

  it('names files by their last part, unless two are called the same', async () => {
    const a = await file('a.csv', 'src,out\na,b\n');
    const b = await file('b.csv', 'src,out\na,b\n');
    const names = async (files: string[]) => (await openPairFiles(files, COLUMNS, () => {})).map(({ name }) => name);
    expect(await names([a, b])).toEqual(['a.csv', 'b.csv']);
    expect(await names([a, a])).toEqual([a, a]);
  });
});
