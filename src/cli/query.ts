import type { Command } from 'commander';
import { UsageError } from '../contract/errors.ts';
import { quoteUnsafeNumbers } from '../producer/storable.ts';
import { readOnlyQuery } from '../store/read-only-query.ts';
import { withContext } from './context.ts';
import { formatCount } from './format.ts';
import { print } from './standard-streams.ts';
import { outputTable } from './table.ts';

/** Rows shown in a table; `--json` gives them all. */
const TABLE_ROWS = 1000;

export function addQueryCommand(program: Command): void {
  program
    .command('query')
    .argument('<sql>', 'one SQL statement that reads: SELECT, WITH, VALUES, TABLE, EXPLAIN or SHOW')
    .description('query the results with SQL and print a table')
    .option('--json', 'print the rows as JSON, one object per line')
    .addHelpText(
      'after',
      `
Examples:
  detoxq query "select text, detoxified, toxicity_after from results where outcome = 'detoxified' limit 5"
  detoxq query --json "select outcome, count(*) from results group by 1" | jq .

It cannot write, whatever the statement contains. docs/sql.md has more, and the tables with their columns.`,
    )
    .action(async (sql: string, options: { json?: boolean }) => {
      if (sql.trim() === '') throw new UsageError('The SQL statement is empty.');
      await withContext({}, async ({ database }) => {
        if (options.json) {
          return readOnlyQuery(database, sql, (lines) => print(`${lines.join('\n')}\n`));
        }
        let count = 0;
        const shown: Record<string, unknown>[] = [];
        await readOnlyQuery(database, sql, (lines) => {
          count += lines.length;
          for (const line of lines.slice(0, TABLE_ROWS - shown.length))
            shown.push(JSON.parse(quoteUnsafeNumbers(line)));
        });
        const header = Object.keys(shown[0] ?? {});
        if (header.length > 0) {
          const cells = shown.map((row) => header.map((column) => row[column]));
          process.stdout.write(`${outputTable(header, cells)}\n`);
        }
        const clipped = count > TABLE_ROWS ? `, the first ${formatCount(TABLE_ROWS)} shown; --json gives all` : '';
        process.stderr.write(`${formatCount(count)} ${count === 1 ? 'row' : 'rows'}${clipped}\n`);
      });
    });
}
