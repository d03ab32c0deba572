import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runCli } from './cli.ts';

/** What an administrator may set for a role or a database: each would change what we read, or end our statements. */
export const ADMINISTERED: readonly (readonly [name: string, value: string])[] = [
  ['DateStyle', 'SQL, DMY'],
  ['IntervalStyle', 'sql_standard'],
  ['TimeZone', 'Asia/Kathmandu'],
  ['extra_float_digits', '-15'],
  ['bytea_output', 'escape'],
  ['client_encoding', 'LATIN1'],
  ['standard_conforming_strings', 'off'],
  ['array_nulls', 'off'],
  ['quote_all_identifiers', 'on'],
  ['transform_null_equals', 'on'],
  ['statement_timeout', '1'],
  ['lock_timeout', '1'],
  ['idle_in_transaction_session_timeout', '1'],
  ['idle_session_timeout', '1'],
  ['default_transaction_isolation', 'serializable'],
  ['synchronous_commit', 'off'],
  ['row_security', 'off'],
  ['jit', 'on'],
  ['jit_above_cost', '0'],
  ['xmloption', 'document'],
  ['enable_partition_pruning', 'off'],
  ['search_path', 'pg_catalog'],
  ['default_transaction_deferrable', 'on'],
];

/** Since Postgres 17. */
export const ADMINISTERED_17: typeof ADMINISTERED = [['transaction_timeout', '150']];

/** `ALTER … SET` of a role or a database, one statement each. */
export function alterSet(target: string, settings: typeof ADMINISTERED): string[] {
  return settings.map(
    ([name, value]) => `ALTER ${target} SET ${name} = ${name === 'search_path' ? value : `'${value}'`}`,
  );
}

/** Rows whose texts, keys and other columns would show a change of how values are written. */
async function writeTellingRows(file: string): Promise<void> {
  const rows = [
    { id: null, text: 'you are a stupid idiot', at: '2026-01-02' },
    { id: 'NULL', text: 'see you tomorrow \\ "œ" 🙂', score: 0.1 },
    { id: 'c', text: 'what a lovely garden, déjà vu', nested: { list: [1, null, 'x'] } },
    { id: 'd', text: '', at: null },
  ];
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

let exports = 0;

/** All that commands say and write of a run, without what differs from run to run. */
export async function wholeRun(
  folder: string,
  {
    url,
    redisUrl,
    serverUrl = url,
    newer = false,
  }: { url: string; redisUrl: string; serverUrl?: string; newer?: boolean },
): Promise<Record<string, string>> {
  const file = join(folder, 'telling.jsonl');
  const exportTo = join(folder, `exported-${exports++}.jsonl`);
  await writeTellingRows(file);
  const env = { DATABASE_URL: url, DETOXQ_HOME: folder, REDIS_URL: redisUrl };
  const succeed = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli(args, env);
    expect(code, `${args[0]}: ${stdout}${stderr}`).toBe(0);
    return stdout;
  };
  await succeed('migrate');
  await succeed('run', file, '--name', 'whole', '--chunk-rows', '2');
  await succeed('export', 'latest', '--out', exportTo);
  const [status] = JSON.parse(await succeed('status', '--json'));
  expect(Date.now() - Date.parse(status.createdAt)).toBeLessThan(600_000);
  // Limits of a role are meant for what people write; what DATABASE_URL says wins over them.
  const limits = ['statement_timeout', 'lock_timeout', ...(newer ? ['transaction_timeout'] : [])];
  env.DATABASE_URL = `${serverUrl}?options=${limits.map((name) => `-c%20${name}=0`).join('%20')}`;
  const ago = await succeed(
    'query',
    '--json',
    "SELECT created_at BETWEEN now() - interval '10 minutes' AND now() AS recent FROM runs",
  );
  return {
    exported: await readFile(exportTo, 'utf8'),
    verified: (await succeed('verify', 'latest')).replace(status.runId, 'RUN'),
    counts: JSON.stringify({ rowsDone: status.rowsDone, outcomes: status.outcomes }),
    rows: await succeed(
      'query',
      '--json',
      'SELECT row_no, row_key, outcome, text, detoxified, toxicity_before, toxicity_after, similarity, meta FROM results ORDER BY row_no',
    ),
    recent: ago,
    times: await succeed(
      'query',
      '--json',
      "SELECT timestamptz '2026-01-02 03:04:05+00' AS at, interval '1 day 2 hours' AS length, '\\x0aff'::bytea AS bytes, 0.1::real AS number",
    ),
  };
}
