import type { Readable } from 'node:stream';
import { DatasetError, UsageError } from '../contract/errors.ts';
import type { ChunkRow } from '../contract/row.ts';
import type { RunSource } from '../contract/run.ts';
import { checkedDialect, type Dialect, requireEffect } from './dialect.ts';
import { type ColumnChoice, EmptyFileError, type FileLayout, layoutOf, SAMPLE_ROWS } from './file-layout.ts';
import { FORMATS, type Format, formatOfName, isFormat } from './format.ts';
import { findInput, type Input } from './input.ts';
import { noteOtherIds, requireColumn, settleUnseen } from './named-columns.ts';
import { noteTable } from './note-table.ts';
import { type OnNote, type ReadOptions, type RecordsRead, readRecords } from './records.ts';

/** Includes the dialect of the files, where it should not be guessed. */
export interface DatasetOptions extends Dialect {
  /** Of all files; default: each by its ending, under `.gz` or `.zst`. Standard input needs it. */
  readonly format?: Format | undefined;
  /** Default: the first of the usual names (docs/input.md), or the only column of strings, unless another column holds more text. */
  readonly textColumn?: string | undefined;
  /** The option that set `textColumn`, for messages. Default: `--text-column`. */
  readonly textColumnOption?: string | undefined;
  /** Column of the row keys. Default: `id` where there is one. */
  readonly idColumn?: string | undefined;
  /** Most rows to read, over all files. Default: all. */
  readonly limit?: number | undefined;
  /** Longest text of a row, UTF-8 bytes; longer ones are rejected. Default 1 MiB. */
  readonly maxTextBytes?: number | undefined;
  /** Takes, once each, what was guessed about a file and what looks wrong in it: sentences without text of rows. */
  readonly onNote?: ((note: string) => void) | undefined;
}

export const DEFAULT_MAX_TEXT_BYTES = 1024 * 1024;

/** An opened dataset: it is there, it has rows, and its text column is known. */
export interface Dataset {
  /** Names of all columns in order; empty for lines of text. */
  readonly columns: readonly string[];
  /** Null for lines of text and bare JSON strings. */
  readonly textColumn: string | null;
  /** Columns that the text column was guessed from; null where it was named, or without columns. */
  readonly guessedFrom: number | null;
  readonly idColumn: string | null;
  /**
   * A column by its name, also one that only later rows of JSON have. @throws UsageError where there is none
   * @param option the option that named it, for the message
   */
  requireColumn(asked: string, option: string): Promise<string>;
  /** For `runs.source`; `reopenDataset` takes it back. */
  readonly source: RunSource;
  /** Size of all files on disk; null when one is a pipe. */
  readonly bytesTotal: number | null;
  /** Bytes read so far by the latest `read()`, before decompression. */
  bytesRead(): number;
  /**
   * The rows in order, some at a time (what 256 KiB of input holds). `rowNo` runs on over all files.
   * A row that cannot be read is a RejectedRow; what makes the rest of a file unreadable throws DatasetError.
   * Standard input and pipes can be read once only.
   * @param skipRows rows to read past, cheaply, for a resume; default 0
   */
  read(skipRows?: number): AsyncGenerator<readonly ChunkRow[]>;
  /** Closes the files. A read that waits for a pipe fails. */
  close(): void;
}

interface OpenFile {
  readonly input: Input;
  readonly reading: ReadOptions;
  readonly layout: FileLayout;
  /** Whether the layout has seen every row. */
  readonly isWhole: boolean;
  /** Records already taken from something that can be read once only, and the rest of it. */
  readonly taken: readonly RecordsRead[] | null;
  readonly rest: AsyncGenerator<RecordsRead> | null;
  readonly reread: (() => AsyncGenerator<RecordsRead>) | null;
}

/**
 * Opens files (`-` is standard input), reads their first rows, and finds the columns.
 * @throws UsageError for options that do not fit, DatasetError for files that cannot be read or have no rows
 */
export async function openDataset(
  files: readonly string[],
  options: DatasetOptions,
  stdin: Readable = process.stdin,
): Promise<Dataset> {
  checkOptions(files, options);
  const dialect = checkedDialect(options);
  const onNote = sayOnce(options.onNote);
  const maxTextBytes = options.maxTextBytes ?? DEFAULT_MAX_TEXT_BYTES;
  const inputs: Input[] = [];
  const opened: OpenFile[] = [];
  const empty: string[] = [];
  try {
    for (const name of files) inputs.push(await findInput(name, stdin));
    // An empty file has no format.
    const formats = inputs.map(({ sizeBytes }, at) => (sizeBytes === 0 ? null : formatOf(files[at] ?? '', options)));
    const known = formats.filter((format) => format !== null);
    if (known.length > 0) requireEffect(dialect, known);
    for (const [at, input] of inputs.entries()) {
      const format = formats[at] ?? null;
      if (format === null) {
        empty.push(`${input.name}: is empty (0 bytes)`);
        continue;
      }
      // The first file that has columns decides for the others.
      const first = opened.find((file) => file.layout.textColumn !== null);
      const column = first?.layout.textColumn ?? null;
      const choice = {
        textColumn: options.textColumn,
        textColumnBefore: first === undefined || column === null ? undefined : { column, file: first.input.name },
        textColumnOption: options.textColumnOption,
        idColumn: options.idColumn,
      };
      const file = await openFile(
        input,
        { format, dialect, maxTextBytes, count: { bytes: 0 }, onNote },
        choice,
        options.format === undefined,
      );
      if (typeof file === 'string') empty.push(file);
      else opened.push(file);
    }
    rejectAllEmpty(opened.length, empty);
    for (const reason of empty) onNote(`${reason}: left out`);
    await settleUnseen(opened, { ...options, onNote });
    noteOtherIds(opened, { ...options, onNote });
    const withColumns = opened.find((file) => file.layout.textColumn !== null);
    if (withColumns === undefined && (options.textColumn ?? options.idColumn) !== undefined) {
      throw new UsageError('--text-column and --id-column do not fit lines of text, which have no columns');
    }
    return dataset(inputs, opened, { ...options, ...dialect, maxTextBytes }, withColumns?.layout ?? null);
  } catch (error) {
    for (const input of inputs) input.close();
    throw error;
  }
}

function formatOf(name: string, { format }: DatasetOptions): Format {
  return format ?? formatOfName(name);
}

/** Of several files some may be empty, as parts of a distributed job often are. */
function rejectAllEmpty(opened: number, reasons: readonly string[]): void {
  if (opened > 0) return;
  throw new DatasetError(reasons.length === 1 ? (reasons[0] ?? '') : `no file has a row: ${reasons.join('; ')}`);
}

function dataset(
  inputs: readonly Input[],
  opened: readonly OpenFile[],
  options: DatasetOptions & { readonly maxTextBytes: number },
  main: FileLayout | null,
): Dataset {
  const sizes = inputs.map((input) => input.sizeBytes ?? Number.NaN);
  const bytesTotal = sizes.reduce((sum, size) => sum + size, 0);
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  return {
    columns: [...new Set(opened.flatMap((file) => file.layout.columns))],
    textColumn: main?.textColumn ?? null,
    guessedFrom: main?.guessedFrom ?? null,
    idColumn: main?.idColumn ?? null,
    requireColumn: (asked, option) => requireColumn(opened, asked, option, limit),
    source: {
      // Empty ones too: a resume must find them empty again.
      files: inputs.map(({ path, sizeBytes, modifiedAt }) => ({ path, sizeBytes, modifiedAt })),
      options: {
        format: options.format ?? null,
        textColumn: main?.textColumn ?? null,
        textColumnGuessedFrom: main?.guessedFrom ?? null,
        idColumn: options.idColumn ?? null,
        idColumnFound: options.idColumn === undefined ? (main?.idColumn ?? null) : null,
        limit: options.limit ?? null,
        maxTextBytes: options.maxTextBytes,
        delimiter: options.delimiter ?? null,
        quote: options.quote ?? null,
        escape: options.escape ?? null,
        encoding: options.encoding ?? null,
        skipLines: options.skipLines ?? null,
      },
    },
    bytesTotal: Number.isNaN(bytesTotal) ? null : bytesTotal,
    bytesRead: () => opened.reduce((sum, file) => sum + file.reading.count.bytes, 0),
    async *read(skipRows = 0) {
      let rowNo = 0;
      for (const file of opened) {
        if (rowNo >= limit) break;
        let atHeader = file.layout.hasHeader;
        for await (const { records, mayNeedRepair } of recordsOf(file)) {
          const rows: ChunkRow[] = [];
          for (const record of records) {
            if (atHeader) {
              atHeader = false;
              continue;
            }
            if (rowNo >= limit) break;
            if (rowNo >= skipRows) rows.push(file.layout.read(record, rowNo, mayNeedRepair));
            rowNo += 1;
          }
          if (rows.length > 0) yield rows;
          if (rowNo >= limit) break;
        }
      }
    },
    close() {
      for (const input of inputs) input.close();
    },
  };
}

/** A file, or why it is left out. */
async function openFile(
  input: Input,
  reading: ReadOptions,
  choice: ColumnChoice,
  isByEnding: boolean,
): Promise<OpenFile | string> {
  const { count } = reading;
  const records = readRecords(input, reading);
  try {
    const { taken, isWhole } = await takeSample(records);
    if (reading.format === 'txt' && isByEnding) noteTable(input.name, taken, reading.onNote);
    const layout = layoutOf(
      input.name,
      reading,
      taken.flatMap(({ records }) => records),
      choice,
    );
    const known = { input, reading, layout, isWhole };
    if (input.sizeBytes === null) return { ...known, taken, rest: records, reread: null };
    await records.return(undefined);
    count.bytes = 0;
    const reread = () => readRecords(input, { ...reading, count: { bytes: 0 } });
    return { ...known, taken: null, rest: null, reread };
  } catch (error) {
    await records.return(undefined);
    if (error instanceof EmptyFileError) return error.message;
    throw error;
  }
}

/** Most characters of a sample, where rows are long. */
const SAMPLE_CHARS = 4 * 1024 * 1024;

/** Enough records for a layout: the same ones in whatever pieces a pipe brings them, unless rows are very long. */
async function takeSample(records: AsyncGenerator<RecordsRead>): Promise<{ taken: RecordsRead[]; isWhole: boolean }> {
  const taken: RecordsRead[] = [];
  let rows = 0;
  let chars = 0;
  while (rows < 2 || (rows <= SAMPLE_ROWS && chars < SAMPLE_CHARS)) {
    const next = await records.next();
    if (next.done) return { taken, isWhole: true };
    taken.push(next.value);
    rows += next.value.records.length;
    for (const { fields } of next.value.records) for (const field of fields) chars += field.length;
  }
  return { taken, isWhole: false };
}

async function* recordsOf(file: OpenFile): AsyncGenerator<RecordsRead> {
  if (file.taken !== null && file.rest !== null) {
    yield* file.taken;
    yield* file.rest;
    return;
  }
  file.reading.count.bytes = 0;
  yield* readRecords(file.input, file.reading);
}

/** A file may be read several times. */
function sayOnce(onNote: DatasetOptions['onNote']): OnNote {
  const said = new Set<string>();
  return (note, topic = note) => {
    if (said.has(topic)) return;
    said.add(topic);
    onNote?.(note);
  };
}

function checkOptions(files: readonly string[], options: DatasetOptions): void {
  if (files.length === 0) throw new UsageError('name at least one file, or - for standard input');
  if (files.filter((file) => file === '-').length > 1) throw new UsageError('standard input (-) can be read only once');
  if (options.format !== undefined && !isFormat(options.format)) {
    throw new UsageError(`--format is one of ${FORMATS.join(', ')}`);
  }
  for (const [option, value] of [
    ['--limit', options.limit],
    ['maxTextBytes', options.maxTextBytes],
  ] as const) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw new UsageError(`${option} is a whole number above 0`);
    }
  }
}
