import { isObject } from '../contract/row.ts';
import { findColumn, listColumns, missingColumn } from './column-names.ts';
import type { FileLayout } from './file-layout.ts';
import type { Format } from './format.ts';
import type { RecordsRead } from './records.ts';
import { parseLine } from './row-json.ts';

/** An opened file, as far as columns are looked for in it. */
interface SearchedFile {
  readonly input: { readonly name: string };
  readonly reading: { readonly format: Format };
  readonly layout: FileLayout;
  /** Whether the layout has seen every row. */
  readonly isWhole: boolean;
  /** Reads it from its beginning; null where it can be read once only. */
  readonly reread: (() => AsyncGenerator<RecordsRead>) | null;
}

interface NamedColumns {
  readonly textColumn?: string | undefined;
  readonly textColumnOption?: string | undefined;
  readonly idColumn?: string | undefined;
  readonly limit?: number | undefined;
  readonly onNote?: ((note: string) => void) | undefined;
}

/** Checks named columns that are not in the first rows of JSON. Some row must have them, else the name is wrong. */
export async function settleUnseen(opened: readonly SearchedFile[], options: NamedColumns): Promise<void> {
  for (const [asked, option, otherwise] of [
    [options.textColumn, options.textColumnOption ?? '--text-column', 'become row errors (missing_text)'],
    [options.idColumn, '--id-column', 'have no row key'],
  ] as const) {
    const lacking = opened.filter(({ layout }) => asked !== undefined && layout.unseen.includes(asked));
    if (asked === undefined || lacking.length === 0) continue;
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    await requireColumn(opened, asked, option, limit);
    for (const { input, layout } of lacking) {
      options.onNote?.(
        `${input.name}: none of the first rows has "${asked}" (${option}); rows without it ${otherwise}. ` +
          `Columns there: ${listColumns(layout)}`,
      );
    }
  }
}

/** Of several files, one may have an `id` and another none. */
export function noteOtherIds(opened: readonly SearchedFile[], { idColumn, onNote }: NamedColumns): void {
  if (idColumn !== undefined || !opened.some(({ layout }) => layout.idColumn !== null)) return;
  for (const { input, layout } of opened) {
    if (layout.idColumn === null && layout.columns.length > 0)
      onNote?.(`${input.name}: has no column "id", as other files have: its rows have no row key`);
  }
}

/** @throws UsageError where no row has the column; a pipe cannot be searched, and passes */
export async function requireColumn(
  opened: readonly SearchedFile[],
  asked: string,
  option: string,
  limit: number,
): Promise<string> {
  for (const { layout } of opened) {
    const column = findColumn(layout.columns, asked);
    if (column !== null) return column;
  }
  for (const file of opened) {
    if (file.isWhole || file.reading.format !== 'jsonl') continue;
    if (file.reread === null || (await someRowHas(file.reread(), asked, limit))) return asked;
  }
  const columns = [...new Set(opened.flatMap(({ layout }) => layout.columns))];
  return missingColumn({ file: opened.map(({ input }) => input.name).join(', '), columns }, asked, option);
}

async function someRowHas(reads: AsyncGenerator<RecordsRead>, column: string, limit: number): Promise<boolean> {
  const key = JSON.stringify(column);
  let rows = 0;
  for await (const { records } of reads) {
    for (const { fields } of records) {
      rows += 1;
      if (rows > limit) return false;
      const line = fields[0] ?? '';
      if (!line.includes(key)) continue;
      const parsed = parseLine(line, false);
      if (!('fault' in parsed) && isObject(parsed.value) && Object.hasOwn(parsed.value, column)) return true;
    }
  }
  return false;
}
