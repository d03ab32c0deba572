import { stat } from 'node:fs/promises';
import { DatasetError } from '../contract/errors.ts';
import type { JsonValue } from '../contract/row.ts';
import type { RunSource } from '../contract/run.ts';
import { type Dataset, type DatasetOptions, openDataset } from './dataset.ts';
import { parseEncoding } from './encoding.ts';
import { isFormat } from './format.ts';

/**
 * Whether the files of a run are still those it was started with: same path, size and time of change.
 * @throws DatasetError that says which file is not, or that a pipe cannot be read again
 */
export async function checkSourceUnchanged(source: RunSource): Promise<void> {
  for (const file of source.files) {
    const name = file.path === '-' ? 'standard input' : file.path;
    if (file.sizeBytes === null) {
      throw new DatasetError(
        `${name}: cannot be read a second time, so a run that was interrupted while reading it cannot go on; start a new run`,
      );
    }
    const stats = await stat(file.path).catch((error: unknown) => {
      throw new DatasetError(`${name}: is no longer there, so the run cannot go on reading it`, { cause: error });
    });
    const changes: string[] = [];
    if (stats.size !== file.sizeBytes) changes.push(`${file.sizeBytes} bytes then, ${stats.size} now`);
    const modifiedAt = stats.mtime.toISOString();
    if (modifiedAt !== file.modifiedAt) changes.push(`changed ${file.modifiedAt ?? 'never'} then, ${modifiedAt} now`);
    if (changes.length > 0) {
      throw new DatasetError(
        `${name}: is not the file the run was started with (${changes.join('; ')}), and rows of both would mix; start a new run`,
      );
    }
  }
}

/** Opens the dataset of an interrupted run again, with the options it started with. Throws what changed, see above. */
export async function reopenDataset(source: RunSource, onNote?: DatasetOptions['onNote']): Promise<Dataset> {
  await checkSourceUnchanged(source);
  const { format, textColumn, idColumn, limit, maxTextBytes, encoding, skipLines, ...marks } = source.options;
  const options: DatasetOptions = {
    format: isFormat(format) ? format : undefined,
    textColumn: text(textColumn),
    idColumn: text(idColumn),
    limit: number(limit),
    maxTextBytes: number(maxTextBytes),
    delimiter: text(marks.delimiter),
    quote: text(marks.quote),
    escape: text(marks.escape),
    encoding: typeof encoding === 'string' ? parseEncoding(encoding) : undefined,
    skipLines: number(skipLines),
    onNote,
  };
  return openDataset(
    source.files.map((file) => file.path),
    options,
  );
}

function text(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function number(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
