import { DetoxqError, UsageError } from '../contract/errors.ts';
import type { Connection, Database } from './database.ts';
import { searchSchema } from './in-schema.ts';
import { sqlState } from './postgres-errors.ts';

/** Rows that are fetched at a time, so that a query over millions of rows takes a constant amount of memory here. */
const FETCH_ROWS = 1_000;

/** The statement does not give rows, or there are several. */
const INVALID_CURSOR_DEFINITION = '42P11';
/** The statement gives rows, and writes (`DELETE … RETURNING`, `WITH … DELETE`). */
const READ_ONLY_SQL_TRANSACTION = '25006';
/** Something in the statement asked for a transaction that writes. */
const ACTIVE_SQL_TRANSACTION = '25001';
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * `FOR … IN EXECUTE` opens a cursor, which Postgres does for one statement that gives rows and for nothing else: neither
 * several statements nor SET, COMMIT, DO, COPY or CALL come through. EXPLAIN and SHOW do. A row comes as JSON, so that
 * every type keeps its digits.
 */
const READER = `
  CREATE FUNCTION pg_temp.detoxq_read(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $reader$
  DECLARE found record;
  BEGIN
    FOR found IN EXECUTE statement LOOP RETURN NEXT pg_catalog.row_to_json(found)::text; END LOOP;
  END $reader$`;

/**
 * Runs one SQL statement that cannot write, whatever it contains, and passes on its rows.
 *
 * - Only one statement that gives rows is opened (see `READER`).
 * - The transaction is read-only, and is rolled back at the end: Postgres 15 lets large objects be written in a read-only one.
 * - For a superuser, neither of the two stops functions such as `lo_export`, which writes files of the server. The statement
 *   then runs as `pg_read_all_data`, in a SECURITY DEFINER function, where Postgres refuses to change the role back.
 *
 * @param signal ends the statement in Postgres, too, and rejects
 * @param onRows called with rows as JSON objects, each without a line break; numbers have all the digits that Postgres has
 * @throws UsageError for a statement that does not only read; DetoxqError when Postgres refuses it otherwise
 */
export async function readOnlyQuery(
  database: Database,
  sql: string,
  onRows: (rows: readonly string[]) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  await database.rolledBack(async (connection) => {
    await createReader(connection);
    await searchSchema(connection, database.schema);
    await connection.query('SET TRANSACTION READ ONLY');
    try {
      // By default, Postgres plans a cursor for a tenth of its rows.
      await connection.query('SET LOCAL cursor_tuple_fraction = 1');
      // Executed by FETCH, which has no values: what Postgres says about the user's own statement is not withheld.
      await connection.query('DECLARE detoxq_rows CURSOR FOR SELECT line FROM pg_temp.detoxq_read($1) AS line', [sql]);
      for (;;) {
        const rows = await connection.query<{ line: string }>(`FETCH ${FETCH_ROWS} FROM detoxq_rows`);
        if (rows.length === 0) return;
        // A value of type json keeps its own line breaks, which cannot be inside a string.
        await onRows(rows.map(({ line }) => line.replace(/[\r\n]+/g, ' ')));
      }
    } catch (error) {
      throw explained(error);
    }
  }, signal);
}

async function createReader(connection: Connection): Promise<void> {
  try {
    // A read works also where an administrator forbids writes, since the function is gone at the end.
    await connection.query('SET TRANSACTION READ WRITE');
    await connection.query(READER);
  } catch (error) {
    const state = sqlState(error);
    if (state !== INSUFFICIENT_PRIVILEGE && state !== READ_ONLY_SQL_TRANSACTION) throw error;
    throw new DetoxqError(
      state === INSUFFICIENT_PRIVILEGE
        ? 'this user may not make temporary functions, which query needs: GRANT TEMPORARY ON DATABASE … TO it, or use psql'
        : 'query needs the primary, and this Postgres is read-only (a replica?): use psql here',
      { cause: error },
    );
  }
  const [user] = await connection.query<{ superuser: boolean }>(
    'SELECT rolsuper AS superuser FROM pg_catalog.pg_roles WHERE rolname = current_user',
  );
  if (user?.superuser !== true) return;
  await connection.query('ALTER FUNCTION pg_temp.detoxq_read(text) SECURITY DEFINER');
  await connection.query('ALTER FUNCTION pg_temp.detoxq_read(text) OWNER TO pg_read_all_data');
}

function explained(error: unknown): unknown {
  const state = sqlState(error);
  if (state === INVALID_CURSOR_DEFINITION || state === READ_ONLY_SQL_TRANSACTION || state === ACTIVE_SQL_TRANSACTION) {
    return new UsageError(
      'query runs one SQL statement that only reads: SELECT, WITH, VALUES, TABLE, EXPLAIN or SHOW. ' +
        'This one is of another kind, is several statements, or writes; nothing was changed.',
      { cause: error, code: 'query_not_read_only', data: {} },
    );
  }
  return error;
}
