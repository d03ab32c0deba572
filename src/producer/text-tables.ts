import type { Dialect } from './dialect.ts';
import { pipeFrom } from './pipe-from.ts';

const QUOTED = '"(?:[^"\\\\]|\\\\.)*"';
const JSON_OBJECT = new RegExp(`^\\{\\s*(?:${QUOTED}\\s*:|\\}\\s*$)`);
const JSON_ARRAY = new RegExp(`^\\[\\s*(?:[{[]|${QUOTED}\\s*[,\\]])`);

/**
 * What the start of a CSV or TSV file shows that is text, and another format, in words that follow "is "; null where
 * it may be a table.
 */
export function otherTextFormat(start: string, { delimiter, skipLines = 0 }: Dialect): string | null {
  if (skipLines > 0) return null;
  if (JSON_OBJECT.test(start)) {
    return 'JSON and no table; with one object per line, say --format jsonl (and name it .jsonl)';
  }
  if (JSON_ARRAY.test(start)) {
    return `a JSON array and no table; convert it: ${pipeFrom("jq -c '.[]' FILE", 'jsonl')}`;
  }
  if (/^<(table|thead|tbody|tr|div|body)[\s>]/i.test(start)) return 'HTML and no table of fields; convert it to CSV';
  if (/^(%.*\r?\n|\s)*@relation\s/i.test(start)) {
    return 'ARFF, which is not read; convert it to CSV, or take its rows after @data and put a header above';
  }
  if (delimiter !== undefined) return null;
  if (/^[+┌╔][-=+─┬═╦]+[+┐╗]\r?\n/.test(start)) {
    return 'a table drawn for a terminal; let the database write fields: mysql --batch (TSV), psql --csv, sqlite3 -csv';
  }
  if (/^[^\n|]*\|[^\n]*\n *-+(\+-+)+ *\r?\n/.test(start) || /^[^\n|,;\t"]* \r?\n-{3,}\r?\n/.test(start)) {
    return 'a table as psql shows it; let it write fields: psql --csv';
  }
  if (/^[^\n|]*\|[^\n]*\n[ \t]*(\|[ \t]*)?:?-{2,}:?[ \t]*(\|[ \t]*:?-{2,}:?[ \t]*)*(\|[ \t]*)?\r?\n/.test(start)) {
    return 'a Markdown table; convert it to CSV';
  }
  return null;
}
