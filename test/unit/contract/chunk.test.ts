import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { packRows, unpackRows } from '../../../src/contract/chunk.ts';
import type { ChunkRow } from '../../../src/contract/row.ts';

const row = (rowNo: number, change: object = {}): ChunkRow => ({
  ...{ rowNo, rowKey: null, text: `text ${rowNo}`, meta: null },
  ...change,
});
const fault = { stage: 'read', code: 'not_utf8', message: 'no text' } as const;

test.each<[string, ChunkRow[]]>([
  ['consecutive rows', [row(7), row(8), row(9)]],
  ['rows of a retry, with gaps', [row(3), row(250), row(251)]],
  ['keys and other columns', [row(0, { rowKey: 'a' }), row(1), row(2, { meta: { line: 2, tags: ['x', null] } })]],
  [
    'rows that could not be read',
    [row(5), { rowNo: 6, rowKey: null, fault }, { rowNo: 7, rowKey: 'c', fault }, row(8)],
  ],
  ['texts that are empty or of several scripts', [row(0, { text: '' }), row(1, { text: 'été 猫 🐈' })]],
  ['no rows', []],
])('%s come back as they were', (_, rows) => {
  expect(unpackRows(packRows(rows))).toEqual(rows);
});

test('what a ledger holds from before there were columns is read', () => {
  const rows = [row(4), { rowNo: 5, rowKey: 'k', fault }];
  expect(unpackRows(deflateSync(JSON.stringify(rows)))).toEqual(rows);
});
