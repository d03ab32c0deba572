/** How the output of another program is read, for messages. */
export function pipeFrom(command: string, format = '…'): string {
  return `${command} | detoxq … - --format ${format}`;
}

export const PARQUET_TO_JSONL = pipeFrom(`duckdb -c "copy (from 'FILE') to '/dev/stdout' (format json)"`, 'jsonl');
export const QUERY_SQLITE = pipeFrom("sqlite3 -header -csv FILE 'select …'", 'csv');
