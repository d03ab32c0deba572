import { type Cells, cellOf, type OwnColumns, wordsOf } from '../../contract/cell.ts';
import type { RowError, RowResult } from '../../contract/outcome.ts';
import type { SystemRow } from './system-rows.ts';

/** Reads the references of a row from its columns; empty where the columns are. */
export type ReadReferences = (row: Cells) => readonly string[];

/**
 * What a run made of its rows, results and row errors as one sequence by row number. `unchanged` and `rejected` rows
 * have their source as output, which is what the user keeps.
 */
export async function* runRows(
  results: AsyncIterable<RowResult>,
  errors: AsyncIterable<RowError>,
  readReferences: ReadReferences,
): AsyncGenerator<SystemRow> {
  const failed = errors[Symbol.asyncIterator]();
  try {
    let next = await failed.next();
    for await (const result of results) {
      for (; !next.done && next.value.rowNo < result.rowNo; next = await failed.next()) yield failedRow(next.value);
      yield {
        kind: 'output',
        rowNo: result.rowNo,
        rowKey: result.rowKey,
        source: result.text,
        output: result.detoxified ?? result.text,
        references: readReferences(result),
        isClean: result.outcome === 'clean',
      };
    }
    for (; !next.done; next = await failed.next()) yield failedRow(next.value);
  } finally {
    await failed.return?.();
  }
}

function failedRow({ rowNo, rowKey, code, message }: RowError): SystemRow {
  return { kind: 'failed', rowNo, rowKey, reason: code, message };
}

/** The values of `columns` that hold text. */
export function referenceReader(columns: readonly string[], own: OwnColumns): ReadReferences {
  return (row) =>
    columns.flatMap((column) => {
      const words = wordsOf(cellOf(row, column, own));
      return words === null || words.trim() === '' ? [] : [words];
    });
}
