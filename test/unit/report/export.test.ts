import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RowError, RowResult } from '../../../src/contract/outcome.ts';
import { exportFormat, exportToFile, mergeByRow } from '../../../src/report/export.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'detoxq-export-'));
});
afterEach(() => rm(folder, { recursive: true }));

function result(rowNo: number, fields: Partial<RowResult>): RowResult {
  return {
    rowNo,
    rowKey: `k${rowNo}`,
    outcome: 'clean',
    text: `text ${rowNo}`,
    detoxified: null,
    toxicityBefore: 0.25,
    toxicityAfter: null,
    similarity: null,
    tokensIn: 3,
    tokensOut: 0,
    meta: null,
    ...fields,
  };
}

const rewritten = {
  detoxified: 'a "better", text\nin two lines',
  toxicityBefore: 0.9,
  toxicityAfter: 0.1,
  similarity: 0.5,
};
const results = [
  result(0, {}),
  result(2, { outcome: 'detoxified', ...rewritten, meta: { source: 'forum', n: 2 } }),
  result(3, { outcome: 'still_toxic', ...rewritten }),
];
const errors: RowError[] = [
  { rowNo: 1, rowKey: null, stage: 'read', code: 'not_utf8', message: 'line 3', attempts: 1 },
  { rowNo: 4, rowKey: 'k4', stage: 'engine', code: 'engine_crashed', message: 'signal', attempts: 2 },
];

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

describe('export', () => {
  it('writes results and row errors as one sequence, as JSON lines', async () => {
    const path = join(folder, 'out.jsonl');
    expect(await exportToFile(path, mergeByRow(each(results), each(errors)))).toBe(5);
    const rows = (await readFile(path, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.map((row) => [row.row_no, row.outcome, row.error])).toEqual([
      [0, 'clean', null],
      [1, 'failed', 'read/not_utf8'],
      [2, 'detoxified', null],
      [3, 'still_toxic', null],
      [4, 'failed', 'engine/engine_crashed'],
    ]);
    expect(rows.map((row) => row.cleaned)).toEqual(['text 0', null, rewritten.detoxified, null, null]);
    expect(rows[2].meta).toEqual({ source: 'forum', n: 2 });
  });

  it('writes CSV and TSV that keep quotes, commas and line breaks', async () => {
    const csv = join(folder, 'out.csv');
    await exportToFile(csv, mergeByRow(each(results), each([])));
    expect(await readFile(csv, 'utf8')).toBe(
      'row_no,row_key,outcome,text,cleaned,detoxified,toxicity_before,toxicity_after,similarity,error,meta\n' +
        '0,k0,clean,text 0,text 0,,0.25,,,,\n' +
        '2,k2,detoxified,text 2,"a ""better"", text\nin two lines","a ""better"", text\nin two lines",0.9,0.1,0.5,,"{""source"":""forum"",""n"":2}"\n' +
        '3,k3,still_toxic,text 3,,"a ""better"", text\nin two lines",0.9,0.1,0.5,,\n',
    );
    const tsv = join(folder, 'out.tsv');
    await exportToFile(tsv, mergeByRow(each(results.slice(0, 1)), each([])));
    expect((await readFile(tsv, 'utf8')).split('\n')[1]).toBe('0\tk0\tclean\ttext 0\ttext 0\t\t0.25\t\t\t\t');
  });

  it('leaves nothing behind when it fails in the middle', async () => {
    async function* breaking(): AsyncGenerator<RowResult> {
      yield result(0, {});
      throw new Error('the connection broke');
    }
    await expect(exportToFile(join(folder, 'out.csv'), mergeByRow(breaking(), each([])))).rejects.toThrow('broke');
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses an ending it does not know, and a folder that is not there', async () => {
    expect(() => exportFormat('out.xlsx')).toThrow('.jsonl, .csv, .tsv');
    await expect(exportToFile(join(folder, 'no', 'out.csv'), mergeByRow(each(results), each([])))).rejects.toThrow(
      'Cannot write',
    );
  });
});
