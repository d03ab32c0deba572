import { UsageError } from '../contract/errors.ts';

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

/** The format that a file's name claims (`comments.csv.gz` is csv). Throws UsageError where the name says nothing. */
export function formatOfName(name: string): Format {
  if (name === '-') {
    throw new UsageError(`standard input has no name to tell its format by: say --format ${FORMATS.join('|')}`);
  }
  const inner = name.toLowerCase().replace(/\.(gz|gzip|zst|zstd)$/, '');
  const ending = /\.([a-z0-9]+)$/.exec(inner)?.[1] ?? '';
  const format = FORMAT_OF_ENDING[ending];
  if (format !== undefined) return format;
  const hint = ending === 'json' ? ' (a .json file of one object a line is jsonl; an array is not read)' : '';
  throw new UsageError(`${name}: its ending does not tell the format${hint}: say --format ${FORMATS.join('|')}`);
}

export function isFormat(value: unknown): value is Format {
  return FORMATS.some((format) => format === value);
}

/** CSV and TSV: records of fields under a header. */
export function isDelimited(format: Format): format is 'csv' | 'tsv' {
  return format === 'csv' || format === 'tsv';
}
