import type { Command } from 'commander';
import { UsageError } from '../../contract/errors.ts';
import type { Database } from '../../store/database.ts';
import { readOnlyQuery } from '../../store/read-only-query.ts';
import { formatCount } from '../../util/format.ts';
import { print } from '../terminal/standard-streams.ts';
import { outputTable } from '../terminal/table.ts';
import { visible } from '../terminal/visible.ts';
import { withContext } from '../with-context.ts';
import { type JsonMember, jsonMembers } from './json-members.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
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
      const stop = new AbortController();
      const onSignal = (signal: NodeJS.Signals): void => stop.abort(signal);
      for (const signal of SIGNALS) process.once(signal, onSignal);
      try {
        // Limits that an administrator sets on statements of users apply here.
        await withContext({ keepLimits: true }, ({ database }) =>
          (options.json ? printJson : printTable)(database, sql, stop.signal),
        );
      } catch (error) {
        if (!stop.signal.aborted) throw error;
        process.stderr.write('Stopped; the statement is cancelled.\n');
        process.exitCode = stop.signal.reason === 'SIGTERM' ? 143 : 130;
      } finally {
        for (const signal of SIGNALS) process.off(signal, onSignal);
      }
    });
}

async function printJson(database: Database, sql: string, signal: AbortSignal): Promise<void> {
  let checked = false;
  await readOnlyQuery(
    database,
    sql,
    (lines) => {
      if (!checked) requireOneOfEach(jsonMembers(lines[0] ?? '{}').map(({ name }) => name));
      checked = true;
      return print(`${lines.join('\n')}\n`);
    },
    signal,
  );
}

/** Readers of JSON keep one of two members of the same name. */
function requireOneOfEach(names: readonly string[]): void {
  const double = names.find((name, at) => names.indexOf(name) !== at);
  if (double === undefined) return;
  throw new UsageError(
    `two columns are named "${visible(double)}", which JSON cannot tell apart: name one of them with AS`,
  );
}

async function printTable(database: Database, sql: string, signal: AbortSignal): Promise<void> {
  let count = 0;
  const shown: (readonly JsonMember[])[] = [];
  await readOnlyQuery(
    database,
    sql,
    (lines) => {
      count += lines.length;
      shown.push(...lines.slice(0, TABLE_ROWS - shown.length).map(jsonMembers));
    },
    signal,
  );
  const header = (shown[0] ?? []).map(({ name }) => name);
  if (header.length > 0) {
    const cells = shown.map((row) => row.map(({ value }) => cellOf(value)));
    process.stdout.write(`${outputTable(header, cells)}\n`);
  }
  const clipped = count > TABLE_ROWS ? `, the first ${formatCount(TABLE_ROWS)} shown; --json gives all` : '';
  process.stderr.write(`${formatCount(count)} ${count === 1 ? 'row' : 'rows'}${clipped}\n`);
}

/** Decimals that a table shows; `--json` has all. */
const TABLE_DECIMALS = 6;

/** A value of JSON as a table shows it: digits as Postgres wrote them, but for long fractions, which are rounded. */
function cellOf(value: string): unknown {
  if (value.startsWith('"')) return JSON.parse(value);
  if (value === 'null') return null;
  const [, decimals = ''] = /^-?\d+\.(\d+)$/.exec(value) ?? [];
  return decimals.length > TABLE_DECIMALS ? Number(value) : value;
}
