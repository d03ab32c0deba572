import type { JsonObject, JsonValue } from './row.ts';

/** A row as it was read, or as a run keeps it. */
export interface Cells {
  readonly rowKey: string | null;
  readonly text: string;
  readonly meta: JsonObject | null;
}

/** Columns of a source that a row keeps outside `meta`. */
export interface OwnColumns {
  readonly textColumn: string | null;
  readonly idColumn: string | null;
}

/**
 * What a row has in a column of its source, wherever the row keeps it: the text and the row key stand beside `meta`,
 * and a column `detoxq` has underscores after its name there, for `meta.detoxq` holds notes.
 *
 * @returns undefined where the row has nothing in it
 */
export function cellOf(row: Cells, column: string, { textColumn, idColumn }: OwnColumns): JsonValue | undefined {
  if (column === textColumn) return row.text;
  if (column === idColumn && row.rowKey !== null) return row.rowKey;
  const { meta } = row;
  if (meta === null) return undefined;
  const key = column === 'detoxq' ? movedKey(meta) : column;
  return Object.hasOwn(meta, key) ? meta[key] : undefined;
}

/** Where a column `detoxq` went: it got underscores until its name was free, so the longest such name is it. */
function movedKey(meta: JsonObject): string {
  const keys = Object.keys(meta).filter((key) => /^detoxq_+$/.test(key));
  return keys.reduce((longest, key) => (key.length > longest.length ? key : longest), 'detoxq_');
}

/** Text, or the digits of a number; null for what is neither. */
export function wordsOf(value: JsonValue | undefined): string | null {
  return typeof value === 'number' ? String(value) : typeof value === 'string' ? value : null;
}
