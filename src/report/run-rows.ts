import type { RowError, RowResult } from '../contract/outcome.ts';
import type { JsonObject, JsonValue } from '../contract/row.ts';
import type { SystemRow } from './system-rows.ts';

/** Reads the references of a row from its other columns; empty where there are none. */
export type ReadReferences = (columns: JsonObject | null) => readonly string[];

/**
 * What a run made of its rows, results and row errors as one sequence by row number. `unchanged` and `rejected` rows
 * have their source as output: that is what a user is left with.
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
        references: readReferences(result.meta),
        isClean: result.outcome === 'clean',
      };
    }
    for (; !next.done; next = await failed.next()) yield failedRow(next.value);
  } finally {
    await failed.return?.();
  }
}

function failedRow({ rowNo, rowKey, code }: RowError): SystemRow {
  return { kind: 'failed', rowNo, rowKey, reason: code };
}

/** The values of `columns` that hold text. */
export function referenceReader(columns: readonly string[]): ReadReferences {
  return (row) => columns.map((column) => row?.[column]).filter(isText);
}

function isText(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value.trim() !== '';
}
