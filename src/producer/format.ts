import { UsageError } from '../contract/errors.ts';
import { PARQUET_TO_JSONL, pipeFrom, QUERY_SQLITE } from './pipe-from.ts';

export const FORMATS = ['csv', 'tsv', 'jsonl', 'txt'] as const;
export type Format = (typeof FORMATS)[number];

const FORMAT_OF_ENDING: Readonly<Record<string, Format>> = {
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  txt: 'txt',
  text: 'txt',
};

export const READ_TODAY =
  'Read are local files of CSV, TSV, JSONL and text, also .gz and .zst, and standard input (-).';

/** Endings of files that users often try and that are not read. Some of these formats are also known by their contents (foreign.ts). */
const NOT_READ: Readonly<Record<string, string>> = {
  parquet: `Parquet, which is not read; convert it, for example: ${PARQUET_TO_JSONL}`,
  xlsx: 'a workbook, which is not read; save it as CSV (UTF-8)',
  xls: 'a workbook, which is not read; save it as CSV (UTF-8)',
  ods: 'a workbook, which is not read; save it as CSV (UTF-8)',
  zip: `a zip archive, which is not read; unpack it, or pipe a file of it: ${pipeFrom('unzip -p FILE NAME')}`,
  tar: `a tar archive, which is not read; unpack it, or pipe a file of it: ${pipeFrom('tar -xOf FILE NAME')}`,
  tgz: `a tar archive, which is not read; unpack it, or pipe a file of it: ${pipeFrom('tar -xOf FILE NAME')}`,
  '7z': 'a 7z archive, which is not read; unpack it',
  rar: 'a RAR archive, which is not read; unpack it',
  bz2: `bzip2-compressed, which is not read; pipe it: ${pipeFrom('bzip2 -dc FILE')}`,
  xz: `xz-compressed, which is not read; pipe it: ${pipeFrom('xz -dc FILE')}`,
  lz4: `lz4-compressed, which is not read; pipe it: ${pipeFrom('lz4 -dc FILE')}`,
  arrow: 'Arrow, which is not read; convert it to JSONL or CSV',
  feather: 'Feather, which is not read; convert it to JSONL or CSV',
  avro: 'Avro, which is not read; convert it to JSONL or CSV',
  orc: 'ORC, which is not read; convert it to JSONL or CSV',
  db: `a database, which is not read; pipe a query: ${QUERY_SQLITE}`,
  sqlite: `a database, which is not read; pipe a query: ${QUERY_SQLITE}`,
  pkl: 'a Python pickle, which is not read; convert it to JSONL or CSV',
  pdf: 'a PDF document, which is not read; take its text out first, for example with pdftotext',
  docx: 'a document, which is not read; save it as text (UTF-8)',
};

/** The format by a file's name (`comments.csv.gz` is csv). Throws UsageError for a name that does not tell. */
export function formatOfName(name: string): Format {
  if (name === '-') {
    throw new UsageError(`standard input has no name to tell its format by: say --format ${FORMATS.join('|')}`);
  }
  const format = tryFormatOfName(name);
  if (format !== null) return format;
  const say = `say --format ${FORMATS.join('|')}`;
  const ending = endingOf(name);
  const foreign = NOT_READ[ending];
  if (foreign !== undefined) throw new UsageError(`${name}: by its ending it is ${foreign}. ${READ_TODAY}`);
  if (ending === 'json') {
    throw new UsageError(
      `${name}: its ending does not tell the format: ${say}. With one object per line it is jsonl; ` +
        `of an array: ${pipeFrom("jq -c '.[]' FILE", 'jsonl')}`,
    );
  }
  throw new UsageError(`${name}: its ending does not tell the format: ${say}`);
}

/** Null where the name does not tell. */
export function tryFormatOfName(name: string): Format | null {
  return FORMAT_OF_ENDING[endingOf(name)] ?? null;
}

export function isReadName(name: string): boolean {
  return tryFormatOfName(name) !== null;
}

/** The ending, without that of a compression. */
function endingOf(name: string): string {
  const inner = name.toLowerCase().replace(/\.(gz|gzip|zst|zstd)$/, '');
  return /\.([a-z0-9]+)$/.exec(inner)?.[1] ?? '';
}

export function isFormat(value: unknown): value is Format {
  return FORMATS.some((format) => format === value);
}

/** CSV and TSV: records of fields under a header. */
export function isDelimited(format: Format): format is 'csv' | 'tsv' {
  return format === 'csv' || format === 'tsv';
}
