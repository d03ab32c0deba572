import { storableText } from '../contract/row.ts';
import { isTooLarge, type RowReader, type RowReading, reject, rejectUnreadable } from './row-reader.ts';
import { type Repair, withRepairs } from './storable.ts';

/** Plain text: a line is a row. */
export function createTextRowReader(name: string, reading: RowReading): RowReader {
  const { maxTextBytes } = reading;
  return (record, rowNo, mayNeedRepair) => {
    const unreadable = rejectUnreadable(name, record, rowNo, mayNeedRepair, reading);
    if (unreadable !== null) return unreadable;
    const text = record.fields[0] ?? '';
    if (isTooLarge(text, maxTextBytes)) {
      return reject(name, record, rowNo, null, 'too_large', `the text has more than ${maxTextBytes} bytes`);
    }
    if (!mayNeedRepair) return { rowNo, rowKey: null, text, meta: null };
    const repairs = new Set<Repair>();
    const storable = storableText(text, repairs);
    return { rowNo, rowKey: null, text: storable, meta: withRepairs(null, repairs) };
  };
}
