import { type JsonObject, storableText } from '../contract/row.ts';
import { quoteAdvice } from './dialect.ts';
import { isTooLarge, MAX_KEY_CHARS, type RowReader, type RowReading, reject, rejectUnreadable } from './row-reader.ts';
import { freeKey, type Repair, setOwn, storableObject, withRepairs } from './storable.ts';

/** Where the fields of a CSV or TSV record go. */
interface DelimitedLayout {
  /** One name per field, in order. */
  readonly columns: readonly string[];
  readonly textIndex: number;
  /** Null when no column holds the row key. */
  readonly idIndex: number | null;
  /** Fields without a name in the header: kept only where they hold something. */
  readonly unnamed: ReadonlySet<number>;
}

/** For a header that is repeated. */
const MAX_SPACES_AROUND_NAME = 8;

export function createDelimitedRowReader(name: string, layout: DelimitedLayout, reading: RowReading): RowReader {
  const { maxTextBytes } = reading;
  const { columns, textIndex, idIndex, unnamed } = layout;
  const taken = Object.fromEntries(columns.map((column) => [column, null]));
  const metaFields = columns
    .map((column, index) => ({ column: column === 'detoxq' ? freeKey(taken, column) : column, index }))
    .filter(({ index }) => index !== textIndex && index !== idIndex);

  // The length is checked first, since trimming every text shows in the profile of reading.
  const longestName = (columns[textIndex] ?? '').length + MAX_SPACES_AROUND_NAME;
  const repeatsHeader = (fields: readonly string[]): boolean =>
    (fields[textIndex] ?? '').length <= longestName &&
    fields[textIndex]?.trim() === columns[textIndex] &&
    columns.every((column, index) => (unnamed.has(index) ? fields[index] === '' : fields[index]?.trim() === column));

  return (record, rowNo, mayNeedRepair) => {
    const unreadable = rejectUnreadable(name, record, rowNo, mayNeedRepair, reading);
    if (unreadable !== null) return unreadable;
    const { fields } = record;
    if (fields.length !== columns.length && !hasOnlyEmptySurplus(fields, columns.length)) {
      const above = rowNo > 0 ? '' : '; if lines stand above the header: --skip-lines';
      const hint = fields.length > columns.length ? `; a field that holds the delimiter must be quoted${above}` : '';
      const escapes = reading.dialect.escape === undefined && fields.some((field) => field.endsWith('\\'));
      const advice = escapes ? `; ${quoteAdvice(reading.dialect)}` : '';
      const reason = `${fields.length} fields where the header has ${columns.length}${hint}${advice}`;
      return reject(name, record, rowNo, null, 'wrong_field_count', reason);
    }

    if (columns.length > 1 && repeatsHeader(fields)) {
      const reason = 'the header comes again; files were joined, each with its own: name them one by one instead';
      return reject(name, record, rowNo, null, 'repeated_header', reason);
    }

    const repairs = mayNeedRepair ? new Set<Repair>() : null;
    const rawKey = idIndex === null ? '' : (fields[idIndex] ?? '');
    const rowKey = rawKey === '' ? null : repairs === null ? rawKey : storableText(rawKey, repairs);
    if (rowKey !== null && rowKey.length > MAX_KEY_CHARS) {
      const reason = `the id (column "${columns[idIndex ?? 0]}") has more than ${MAX_KEY_CHARS} characters`;
      return reject(name, record, rowNo, null, 'too_large', reason);
    }
    const text = fields[textIndex] ?? '';
    if (isTooLarge(text, maxTextBytes)) {
      return reject(name, record, rowNo, rowKey, 'too_large', `the text has more than ${maxTextBytes} bytes`);
    }

    let meta: JsonObject | null = null;
    for (const { column, index } of metaFields) {
      const value = fields[index] ?? '';
      if (value === '' && unnamed.has(index)) continue;
      meta ??= {};
      setOwn(meta, column, value);
    }
    if (repairs === null) return { rowNo, rowKey, text, meta };
    const storable = storableText(text, repairs);
    meta = meta === null ? null : storableObject(meta, repairs);
    return { rowNo, rowKey, text: storable, meta: withRepairs(meta, repairs) };
  };
}

function hasOnlyEmptySurplus(fields: readonly string[], columns: number): boolean {
  if (fields.length <= columns) return false;
  for (let index = columns; index < fields.length; index++) {
    if (fields[index] !== '') return false;
  }
  return true;
}
