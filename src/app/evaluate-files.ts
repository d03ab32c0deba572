import { basename } from 'node:path';
import { cellOf, wordsOf } from '../contract/cell.ts';
import { UsageError } from '../contract/errors.ts';
import { isRejected } from '../contract/row.ts';
import { type Dataset, openDataset } from '../producer/dataset.ts';
import { type Dialect, dialectOf } from '../producer/dialect.ts';
import { FORMATS, type Format, tryFormatOfName } from '../producer/format.ts';
import { type ReadReferences, referenceReader, type SystemRow } from '../report/index.ts';
import type { EvaluatedSource } from './evaluation.ts';
import type { OnEvent } from './events.ts';

export interface PairColumns extends Dialect {
  readonly srcColumn: string;
  readonly outColumn: string;
  /** Null: `ref`, `ref1`, `ref2`, … where they are. */
  readonly refColumn: readonly string[] | null;
  readonly format?: Format;
}

export const DEFAULT_COLUMNS = { src: 'src', out: 'out' } as const;
const REFERENCE = /^ref\d*$/i;

/** Files of pairs, a system each. @throws UsageError, DatasetError for files and columns that do not fit */
export async function openPairFiles(
  files: readonly string[],
  columns: PairColumns,
  emit: OnEvent,
): Promise<EvaluatedSource[]> {
  const names =
    new Set(files.map((file) => basename(file))).size === files.length ? files.map((file) => basename(file)) : files;
  const sources: EvaluatedSource[] = [];
  try {
    for (const [at, file] of files.entries()) sources.push(await openPairs(file, names[at] ?? file, columns, emit));
    return sources;
  } catch (error) {
    for (const source of sources) source.close();
    throw error;
  }
}

async function openPairs(file: string, name: string, asked: PairColumns, emit: OnEvent): Promise<EvaluatedSource> {
  if ((asked.format ?? tryFormatOfName(file)) === 'txt') {
    const formats = FORMATS.filter((other) => other !== 'txt').join(', ');
    throw new UsageError(`${file}: lines of text are no pairs: it takes columns for source and output (${formats})`);
  }
  const dataset = await openDataset([file], {
    format: asked.format,
    textColumn: asked.srcColumn,
    textColumnOption: '--src-column',
    ...dialectOf(asked),
    onNote: (message) => emit({ type: 'source-note', message }),
  });
  try {
    const { columns } = dataset;
    const outColumn = await dataset.requireColumn(asked.outColumn, '--out-column');
    const references: string[] = [];
    for (const column of asked.refColumn ?? []) references.push(await dataset.requireColumn(column, '--ref-column'));
    if (asked.refColumn === null) references.push(...columns.filter((column) => REFERENCE.test(column)));
    return {
      name,
      models: {},
      hasReferences: references.length > 0,
      rows: fileRows(dataset, outColumn, referenceReader(references, dataset)),
      share: () => (dataset.bytesTotal === null ? null : dataset.bytesRead() / dataset.bytesTotal),
      close: dataset.close,
    };
  } catch (error) {
    dataset.close();
    throw error;
  }
}

async function* fileRows(
  dataset: Dataset,
  outColumn: string,
  readReferences: ReadReferences,
): AsyncGenerator<SystemRow> {
  for await (const rows of dataset.read()) {
    for (const row of rows) {
      const { rowNo, rowKey } = row;
      if (isRejected(row)) yield { kind: 'failed', rowNo, rowKey, reason: row.fault.code, message: row.fault.message };
      else {
        yield {
          kind: 'output',
          rowNo,
          rowKey,
          source: row.text,
          output: wordsOf(cellOf(row, outColumn, dataset)),
          references: readReferences(row),
          isClean: false,
        };
      }
    }
  }
}
