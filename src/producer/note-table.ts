import { isObject } from '../contract/row.ts';
import type { OnNote, RecordsRead } from './records.ts';
import { parseLine } from './row-json.ts';

/** Lines by which a table in a text file is recognized. */
const MOST_LINES = 100;

/** Says that a file of lines, by its ending, looks like a table or JSONL: a header or keys would be scored as text. */
export function noteTable(name: string, reads: readonly RecordsRead[], onNote: OnNote): void {
  const lines = reads
    .flatMap(({ records }) => records)
    .slice(0, MOST_LINES)
    .filter(({ problem }) => problem === null)
    .map(({ fields }) => fields[0] ?? '')
    .filter((line) => line.trim() !== '');
  const [first = ''] = lines;
  const tabs = tabsIn(first);
  const [what, format] =
    lines.length > 0 && lines.every(isJsonObject)
      ? ['is a JSON object', 'jsonl']
      : tabs > 0 && lines.length > 1 && lines.every((line) => tabsIn(line) === tabs)
        ? [`has ${tabs === 1 ? '1 tab' : `${tabs} tabs`}, as in a table`, 'tsv']
        : [null, null];
  if (format === null) return;
  onNote(
    `${name}: is read line by line, as its ending says, but each of its first lines ${what}; ` +
      `with --format ${format} its texts are read alone`,
  );
}

function tabsIn(line: string): number {
  return line.split('\t').length - 1;
}

function isJsonObject(line: string): boolean {
  if (!line.trimStart().startsWith('{')) return false;
  const parsed = parseLine(line, true);
  return !('fault' in parsed) && isObject(parsed.value);
}
