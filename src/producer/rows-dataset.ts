import { DatasetError, UsageError } from '../contract/errors.ts';
import {
  type ChunkRow,
  isObject,
  type JsonObject,
  type JsonValue,
  type RejectedRow,
  storableText,
} from '../contract/row.ts';
import { type Dataset, DEFAULT_MAX_TEXT_BYTES } from './dataset.ts';
import { isTooLarge, MAX_KEY_CHARS, type ReadFault } from './row-reader.ts';
import { freeKey, isDeeperThan, MAX_JSON_DEPTH, type Repair, storableObject, withRepairs } from './storable.ts';

/** A row that a program gives. */
export interface InputRow {
  readonly text: string;
  /** The program's own id of the row, at most 1,024 characters. */
  readonly key?: string | number | null | undefined;
  /** Kept beside the result: values that JSON can hold. */
  readonly meta?: Readonly<Record<string, unknown>> | null | undefined;
}

/** Stands for the path of a file in `runs.source`; paths of files are absolute. */
export const ROWS_OF_A_PROGRAM = 'rows of a program';

const ROWS_AT_A_TIME = 256;

/**
 * Rows of a program as a dataset, which can be read once. A row that cannot be stored as it is becomes a row error, as in a file.
 *
 * @throws DatasetError while reading, where the program's iterator throws; its error is the cause
 */
export function openRows(
  rows: AsyncIterable<InputRow> | Iterable<InputRow>,
  { limit }: { readonly limit?: number | undefined } = {},
): Dataset {
  let end: () => void = () => {};
  const ended = new Promise<{ readonly done: true; readonly value: undefined }>((resolve) => {
    end = () => resolve({ done: true, value: undefined });
  });
  let iterator: AsyncIterator<InputRow> | Iterator<InputRow> | undefined;
  const maxTextBytes = DEFAULT_MAX_TEXT_BYTES;
  return {
    columns: [],
    ...{ textColumn: null, guessedFrom: null, idColumn: null, bytesTotal: null },
    async requireColumn(asked, option) {
      throw new UsageError(`${option}: rows of a program have no column "${asked}"`);
    },
    source: {
      files: [{ path: ROWS_OF_A_PROGRAM, sizeBytes: null, modifiedAt: null }],
      options: { format: 'rows', limit: limit ?? null, maxTextBytes },
    },
    bytesRead: () => 0,
    async *read(skipRows = 0) {
      if (iterator !== undefined) throw new DatasetError('rows of a program can be read only once');
      const opened = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
      iterator = opened;
      let read: ChunkRow[] = [];
      let rowNo = 0;
      for (; rowNo < (limit ?? Number.POSITIVE_INFINITY); rowNo += 1) {
        const next = await Promise.race([nextOf(opened, rowNo), ended]);
        if (next instanceof DatasetError) {
          if (read.length > 0) yield read;
          throw next;
        }
        if (next.done) break;
        if (rowNo < skipRows) continue;
        read.push(readRow(next.value, rowNo, maxTextBytes));
        if (read.length < ROWS_AT_A_TIME) continue;
        yield read;
        read = [];
      }
      if (read.length > 0) yield read;
      if (rowNo === 0) throw new DatasetError('the program gave no row');
    },
    close() {
      end();
      // Lets the program close what it holds open; its iterator may still wait for a row.
      Promise.resolve(iterator?.return?.()).catch(() => {});
    },
  };
}

/** The next row, or the program's error; the rows before it are kept. */
async function nextOf(
  iterator: AsyncIterator<InputRow> | Iterator<InputRow>,
  rowNo: number,
): Promise<IteratorResult<InputRow, unknown> | DatasetError> {
  try {
    return await iterator.next();
  } catch (cause) {
    // Its message may hold text of a row.
    const name = cause instanceof Error ? cause.name : 'an error without a name';
    return new DatasetError(`the program's rows ended with ${name} after ${rowNo.toLocaleString('en')} rows`, {
      cause,
    });
  }
}

/** `given` is checked: a program without types may give anything. */
function readRow(given: unknown, rowNo: number, maxTextBytes: number): ChunkRow {
  const fail = (code: ReadFault, reason: string, rowKey: string | null = null): RejectedRow => ({
    ...{ rowNo, rowKey },
    fault: { stage: 'read', code, message: `row ${rowNo}: ${reason}` },
  });
  if (given === null || typeof given !== 'object') return fail('missing_text', 'not an object with a text');
  let fields: Partial<Record<keyof InputRow, unknown>>;
  try {
    const { text, key, meta } = given as typeof fields;
    fields = { text, key, meta };
  } catch {
    return fail('missing_text', 'a field of it cannot be read');
  }
  const { text, key, meta: givenMeta } = fields;
  const repairs = new Set<Repair>();
  if (key !== undefined && key !== null && typeof key !== 'string' && typeof key !== 'number') {
    return fail('invalid_json', 'the key is neither a string nor a number');
  }
  const keyText = key === undefined || key === null || key === '' ? null : String(key);
  if (keyText !== null && keyText.length > MAX_KEY_CHARS) {
    return fail('too_large', `the key has more than ${MAX_KEY_CHARS} characters`);
  }
  const rowKey = keyText === null ? null : storableText(keyText, repairs);
  if (text === undefined || text === null) return fail('missing_text', 'no text', rowKey);
  if (typeof text !== 'string') return fail('text_not_string', 'the text is not a string', rowKey);
  if (isTooLarge(text, maxTextBytes)) return fail('too_large', `the text has more than ${maxTextBytes} bytes`, rowKey);
  const meta = plainMeta(givenMeta);
  if (meta === undefined) return fail('invalid_json', 'meta is not an object of values that JSON can hold', rowKey);
  if (meta !== null && isDeeperThan(meta, MAX_JSON_DEPTH)) {
    return fail('invalid_json', `meta is nested deeper than ${MAX_JSON_DEPTH} levels`, rowKey);
  }
  const storable = storableText(text, repairs);
  const storableMeta = meta === null ? null : storableObject(meta, repairs);
  return { rowNo, rowKey, text: storable, meta: withRepairs(storableMeta, repairs) };
}

/** `meta` as JSON gives it back; undefined for what JSON cannot hold. */
function plainMeta(meta: unknown): JsonObject | null | undefined {
  if (meta === undefined || meta === null) return null;
  let value: JsonValue;
  try {
    value = JSON.parse(JSON.stringify(meta) ?? 'null');
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  if (Object.keys(value).length === 0) return null;
  const { detoxq, ...rest } = value;
  return detoxq === undefined ? value : { ...rest, [freeKey(value, 'detoxq')]: detoxq };
}
