import { DatasetError } from '../contract/errors.ts';
import { pipeFrom } from './pipe-from.ts';
import type { RawRecord } from './record.ts';
import { parseLine } from './row-json.ts';

/**
 * JSON that is spread over lines in another way than JSONL: of its lines, one here and there would be read, and the others
 * would be row errors. Throws DatasetError that says how to convert it.
 */
export function requireObjectPerLine(name: string, records: readonly RawRecord[]): void {
  const lines = records.map(({ fields }) => (fields[0] ?? '').trim());
  const [first = '', second] = lines;
  const where = `${name}, line ${records[0]?.line ?? 1}`;
  if (first.startsWith('[') && (second === undefined || !isJson(first))) {
    throw new DatasetError(
      `${where}: an array begins, and JSONL has one object per line without one; convert it: ${pipeFrom("jq -c '.[]' FILE", 'jsonl')}`,
    );
  }
  if (second === undefined) return;
  if (first === '{') {
    throw new DatasetError(
      `${where}: an object is spread over several lines, and JSONL has one per line; convert it: ${pipeFrom('jq -c . FILE', 'jsonl')}`,
    );
  }
  const separated = lines.filter((line) => line.endsWith(',') && !isJson(line) && isJson(line.slice(0, -1)));
  if (separated.length >= lines.length / 2) {
    throw new DatasetError(
      `${where}: a comma follows the object, and JSONL has one object per line without one; convert it: ${pipeFrom("sed 's/,[[:space:]]*$//' FILE", 'jsonl')}`,
    );
  }
}

function isJson(line: string): boolean {
  return !('fault' in parseLine(line, false));
}
