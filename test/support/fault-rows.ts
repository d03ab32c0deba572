import { writeFile } from 'node:fs/promises';
import { expect } from 'vitest';
import type { SourceRow } from '../../src/contract/row.ts';
import type { Database } from '../../src/store/database.ts';
import { verdictOf } from './fake-verdict.ts';

export interface FaultRows {
  readonly file: string;
  readonly rows: readonly SourceRow[];
}

/** A CSV file of `count` rows, every fourth of them toxic; `orders` are put into the texts of some. */
export async function writeRows(
  file: string,
  count: number,
  orders: Readonly<Record<number, string>> = {},
): Promise<FaultRows> {
  const rows = Array.from({ length: count }, (_, rowNo) => {
    const order = orders[rowNo] === undefined ? '' : ` ${orders[rowNo]}`;
    const text = `row ${rowNo}, ${rowNo % 4 === 0 ? 'a toxic one' : 'a kind one'}${order}`;
    return { rowNo, rowKey: `k${rowNo}`, text, meta: null };
  });
  await writeFile(file, `id,text\n${rows.map((row) => `${row.rowKey},"${row.text}"`).join('\n')}\n`);
  return { file, rows };
}

/** What is stored of a run, as `verdictOf` says it. */
export async function readStored(
  database: Database,
  run: string,
): Promise<{ stored: { rowNo: number }[]; failed: { rowNo: number; code: string }[] }> {
  const stored = await database.query<{ rowNo: number }>(
    `SELECT row_no AS "rowNo", row_key AS "rowKey", outcome, text, detoxified, round(toxicity_before::numeric, 4)::float8
       AS "toxicityBefore", round(toxicity_after::numeric, 4)::float8 AS "toxicityAfter",
       round(similarity::numeric, 4)::float8 AS similarity, tokens_in AS "tokensIn", tokens_out AS "tokensOut", meta
     FROM detoxq.results WHERE run_id = $1 ORDER BY row_no`,
    [run],
  );
  const failed = await database.query<{ rowNo: number; code: string }>(
    'SELECT row_no AS "rowNo", code FROM detoxq.row_errors WHERE run_id = $1 ORDER BY row_no',
    [run],
  );
  return { stored, failed };
}

/**
 * Compares what is stored of a run, row by row, with what the fake engine says about its rows undisturbed
 * (that this is what an undisturbed run stores is a test of its own).
 * @param errors code of each row that must be a row error
 */
export async function expectUndisturbed(
  database: Database,
  run: string,
  rows: readonly SourceRow[],
  errors: Readonly<Record<number, string>> = {},
): Promise<void> {
  const { stored, failed } = await readStored(database, run);
  expect(Object.fromEntries(failed.map(({ rowNo, code }) => [rowNo, code]))).toEqual(errors);
  const wanted = rows.filter((row) => errors[row.rowNo] === undefined);
  expect(stored.length).toBe(wanted.length);
  // One by one: a difference of thousands of rows would take vitest minutes to print.
  const firstOther = wanted.findIndex((row, at) => !isStoredAs(row, stored[at]));
  const other = wanted[firstOther];
  if (other !== undefined) expect(stored[firstOther]).toEqual(verdictOf(other));
}

/** Whether what is stored of a row is what the fake engine says about it. */
export function isStoredAs(row: SourceRow, stored: object | undefined): boolean {
  return equal(verdictOf(row), stored);
}

function equal(one: object, other: object | undefined): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other ?? {}));
}

function sorted(value: object): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}
