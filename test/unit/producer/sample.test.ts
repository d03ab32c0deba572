import { describe, expect, it } from 'vitest';
import type { ChunkRow } from '../../../src/contract/row.ts';
import { sampleRows } from '../../../src/producer/sample-rows.ts';

function datasetOf(rows: number, batch: number) {
  return {
    async *read(): AsyncGenerator<readonly ChunkRow[]> {
      for (let first = 0; first < rows; first += batch) {
        yield Array.from({ length: Math.min(batch, rows - first) }, (_, i): ChunkRow => {
          const rowNo = first + i;
          const rejected = rowNo % 10 === 3;
          return rejected
            ? { rowNo, rowKey: null, fault: { stage: 'read', code: 'not_utf8', message: '' } }
            : { rowNo, rowKey: null, text: `row ${rowNo}`, meta: null };
        });
      }
    },
  };
}

const numbers = async (rows: number, batch: number, count: number): Promise<number[]> =>
  (await sampleRows(datasetOf(rows, batch), count)).rows.map(({ rowNo }) => rowNo).sort((a, b) => a - b);

describe('sample of a dataset', () => {
  it('is spread evenly over all readable rows, and the same however the rows come', async () => {
    const sample = await numbers(20_000, 256, 1_000);
    expect(sample).toHaveLength(1_000);
    expect(new Set(sample).size).toBe(1_000);
    expect(sample.some((rowNo) => rowNo % 10 === 3)).toBe(false);
    for (let tenth = 0; tenth < 10; tenth++) {
      const inside = sample.filter((rowNo) => Math.floor(rowNo / 2_000) === tenth).length;
      expect(inside).toBeGreaterThan(60);
      expect(inside).toBeLessThan(140);
    }
    expect(await numbers(20_000, 7, 1_000)).toEqual(sample);
  });

  it('takes every readable row where there are too few', async () => {
    expect(await numbers(20, 6, 1_000)).toHaveLength(18);
    expect(await numbers(0, 6, 5)).toEqual([]);
  });

  it('counts the readable rows', async () => {
    expect((await sampleRows(datasetOf(2_000, 256), 10)).total).toBe(1_800);
  });
});
