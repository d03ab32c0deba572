import type { Command } from 'commander';
import { UsageError } from '../contract/errors.ts';
import { withContext } from './context.ts';
import { formatCount, formatTable } from './format.ts';

/** Rows shown in a table; `--json` gives them all. */
const TABLE_ROWS = 1000;

export function addQueryCommand(program: Command): void {
  program
    .command('query')
    .argument('<sql>', 'one SQL statement; it runs in a read-only transaction')
    .description('ask the results in SQL and print a table')
    .option('--json', 'print the rows as JSON, one object a line')
    .addHelpText(
      'after',
      `
Examples:
  detoxq query "select text, detoxified, toxicity_after from results where outcome = 'detoxified' limit 5"
  detoxq query --json "select outcome, count(*) from results group by 1" | jq .

docs/sql.md has more, and the tables with their columns.`,
    )
    .action(async (sql: string, options: { json?: boolean }) => {
      if (sql.trim() === '') throw new UsageError('The SQL statement is empty.');
      await withContext({}, async ({ database }) => {
        const rows = await database.transaction(async (connection) => {
          await connection.query('SET TRANSACTION READ ONLY');
          return connection.query<Record<string, unknown>>(sql, []);
        });
        if (options.json) {
          for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
          return;
        }
        const header = Object.keys(rows[0] ?? {});
        if (header.length > 0) {
          const shown = rows.slice(0, TABLE_ROWS).map((row) => header.map((column) => row[column]));
          process.stdout.write(`${formatTable(header, shown)}\n`);
        }
        const clipped =
          rows.length > TABLE_ROWS ? `, the first ${formatCount(TABLE_ROWS)} shown; --json gives all` : '';
        process.stderr.write(`${formatCount(rows.length)} ${rows.length === 1 ? 'row' : 'rows'}${clipped}\n`);
      });
    });
}
