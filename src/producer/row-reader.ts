import type { ChunkRow, RejectedRow } from '../contract/row.ts';
import { escapedBytes } from './decode.ts';
import { type Dialect, quoteAdvice } from './dialect.ts';
import type { RawRecord } from './record.ts';

/** Turns a record into a row. `mayNeedRepair` is that of the read that it came with. */
export type RowReader = (record: RawRecord, rowNo: number, mayNeedRepair: boolean) => ChunkRow;

/** How a file is read, as far as rows depend on it. */
export interface RowReading {
  readonly dialect: Dialect;
  readonly maxTextBytes: number;
}

/** Codes of rows that could not be read; docs/input.md says what each means and what to do. */
export type ReadFault =
  | 'not_utf8'
  | 'not_in_encoding'
  | 'too_large'
  | 'bad_quotes'
  | 'wrong_field_count'
  | 'repeated_header'
  | 'invalid_json'
  | 'missing_text'
  | 'text_not_string';

/** Longest row key, in characters. */
export const MAX_KEY_CHARS = 1024;

/** `reason` must not hold text of the row. */
export function reject(
  name: string,
  record: RawRecord,
  rowNo: number,
  rowKey: string | null,
  code: ReadFault,
  reason: string,
): RejectedRow {
  const lines = record.lastLine > record.line ? `lines ${record.line} to ${record.lastLine}` : `line ${record.line}`;
  return { rowNo, rowKey, fault: { stage: 'read', code, message: `${name}, ${lines}: ${reason}` } };
}

/** The rejection of a record that the scanner could not cut, or that is not in the encoding of the file; null for a readable one. */
export function rejectUnreadable(
  name: string,
  record: RawRecord,
  rowNo: number,
  mayNeedRepair: boolean,
  { dialect, maxTextBytes }: RowReading,
): RejectedRow | null {
  if (record.problem === 'too_large') {
    return reject(
      name,
      record,
      rowNo,
      null,
      'too_large',
      `the row is far over the limit of ${maxTextBytes} bytes of text`,
    );
  }
  if (record.problem === 'bad_quotes') {
    const reason = `something follows a closing quote; a quote inside a quoted field is written twice; ${quoteAdvice(dialect)}`;
    return reject(name, record, rowNo, null, 'bad_quotes', reason);
  }
  if (!mayNeedRepair) return null;
  for (const field of record.fields) {
    const bytes = escapedBytes(field);
    if (bytes === null) continue;
    const code = (dialect.encoding ?? 'utf-8') === 'utf-8' ? 'not_utf8' : 'not_in_encoding';
    return reject(name, record, rowNo, null, code, notEncoded(dialect, bytes));
  }
  return null;
}

/** What is wrong with bytes that the encoding does not have, and what to do. */
export function notEncoded({ encoding }: Dialect, bytes?: string): string {
  const which = bytes === undefined ? '' : ` (${bytes})`;
  if (encoding === undefined) return `is not UTF-8${which}; name its encoding, for example --encoding windows-1252`;
  const other = encoding === 'big5' ? ', perhaps big5-hkscs' : '';
  return `is not ${encoding}${which}, as --encoding says; name another one${other}`;
}

/** True when the text has more than `maxTextBytes` bytes as UTF-8. */
export function isTooLarge(text: string, maxTextBytes: number): boolean {
  // A UTF-16 unit takes 1 to 3 bytes, so most texts need not be measured.
  if (text.length * 3 <= maxTextBytes) return false;
  return text.length > maxTextBytes || Buffer.byteLength(text) > maxTextBytes;
}
