import pg from 'pg';
import { CERTIFICATE_ADVICE } from '../contract/certificates.ts';
import { DetoxqError, errorCode, ServiceError } from '../contract/errors.ts';
import { NO_FILES_LEFT } from '../contract/file-errors.ts';
import { isPassing } from './passing-faults.ts';
import { isRaised } from './row-refusal.ts';

const BROKEN_OFF =
  'the connection broke off: where it never works, check DATABASE_URL (host, port, sslmode): is it Postgres? ' +
  'Otherwise Postgres ended; see its log';

const ADVICE_BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: is Postgres running, and is DATABASE_URL right?',
  ENOTFOUND: 'that host is unknown: check DATABASE_URL',
  EAI_AGAIN: 'the name of that host could not be looked up: check DATABASE_URL and the network',
  ENOENT: 'that socket does not exist: is Postgres running, and is DATABASE_URL right?',
  EACCES: 'this user may not open that socket: run detoxq as another user, or check DATABASE_URL',
  ETIMEDOUT: 'it does not answer: check DATABASE_URL and the network',
  EHOSTUNREACH: 'there is no way to that host: check DATABASE_URL and the network',
  ECONNRESET: BROKEN_OFF,
  EPIPE: BROKEN_OFF,
  ...CERTIFICATE_ADVICE,
  ...NO_FILES_LEFT,
  '28P01':
    'user or password is wrong: check DATABASE_URL; where it has no password, check PGPASSWORD, or else the password file ' +
    '(PGPASSFILE or ~/.pgpass)',
  '28000': 'this user may not connect: check DATABASE_URL and pg_hba.conf',
  '3D000': 'that database does not exist: create it, or check DATABASE_URL',
  '25P02': 'a transaction failed before this statement of it',
  '25P03':
    'it ended a session that was idle in a transaction for longer than idle_in_transaction_session_timeout allows',
  '25P04':
    'it ended a transaction that took longer than transaction_timeout allows: raise it for this user or database',
  '40001': 'it undid a statement that met another one: as often as that happens, the statement is tried again',
  '40P01': 'it undid a statement to end a deadlock (deadlock detected): the statement is tried again',
  '53100': 'its disk is full: free some space',
  '53300': 'it has no connection left: start fewer workers, raise max_connections, or put a pooler in front',
  '53400': 'a limit that it is configured with was reached (temp_file_limit, for one): raise it',
  '55P03':
    'it gave up waiting for a lock that someone else holds: pg_stat_activity shows who; lock_timeout says how long it waits',
  '57014': 'it cancelled a statement, as its administrator or a statement_timeout told it to',
  '57P01': 'it ended the session, as its administrator told it to',
  '57P02': 'it ended all sessions, since one of its processes crashed: see its log',
  '57P05': 'it ended a session that was idle for longer than idle_session_timeout allows',
  '57P03': 'it is starting, stopping or recovering: try again in a moment',
  '25006':
    'it is read-only: point DATABASE_URL at the primary; where this is the primary, default_transaction_read_only is on, ' +
    'and its administrator can turn it off',
};

/** Errors of servers and `pg` without a code of their own. Their texts may hold the user name, so none of them is shown. */
const ADVICE_BY_TEXT: readonly (readonly [RegExp, string])[] = [
  [
    /no encryption|SSL (connection is )?required|connection is insecure/i,
    'it wants TLS: add sslmode=require (or verify-full) to DATABASE_URL',
  ],
  [/does not support SSL/, 'it has no TLS: turn it on there, or write sslmode=disable in DATABASE_URL'],
  [
    /error establishing an SSL connection|wrong version number/,
    'what listens there is no Postgres with TLS: check DATABASE_URL',
  ],
  [/^role ".*" does not exist$/, 'that user does not exist: create it, or check DATABASE_URL'],
  [
    /^(Peer|Ident) authentication failed/,
    'it wants the user of the system to have the name of the user of the database: check DATABASE_URL and pg_hba.conf',
  ],
  [
    /timeout expired|due to connection timeout|timeout exceeded when trying to connect/,
    'it does not answer: check DATABASE_URL (host and port) and the network',
  ],
  [/^Connection terminated|connection error and is not queryable|^server conn crashed/, BROKEN_OFF],
  [
    /^canceling statement due to statement timeout/,
    'it cancelled a statement that took longer than statement_timeout allows: raise it for this user or database ' +
      '(ALTER ROLE … SET statement_timeout = 0)',
  ],
  [/^Query read timeout/, 'a statement had no answer in time, and was given up: is it busy, or the network broken?'],
  [
    /^out of shared memory/,
    'a statement over many runs takes more locks than it has room for: give it a run_id, or raise ' +
      'max_locks_per_transaction to a tenth of the number of runs (ALTER SYSTEM SET) and start Postgres anew',
  ],
  [
    /query_wait_timeout|no more connections allowed|max_client_conn|server_login_retry|login failed/i,
    'the pooler before it has no connection for us: start fewer workers, raise its limits (default_pool_size, ' +
      'max_client_conn), or see its log for why it cannot reach Postgres',
  ],
  [
    /^too many connections for role/,
    'its user has as many connections as that role may have: start fewer workers, or raise the limit ' +
      '(ALTER ROLE … CONNECTION LIMIT)',
  ],
  [
    /^too many connections for database/,
    'that database has as many connections as it may have: start fewer workers, or raise the limit ' +
      '(ALTER DATABASE … CONNECTION LIMIT)',
  ],
  [/disconnected before secure TLS/, 'it broke TLS off: is it Postgres, and (with sslnegotiation=direct) 17 or newer?'],
];

const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Translates an error of `pg` for callers.
 *
 * Never keeps what Postgres says about single values (DETAIL, and the message of class 22), nor what a function of the user
 * says, when the statement had parameters: those are texts of rows.
 */
export function translatePostgresError(error: unknown, where: string, hadValues: boolean): DetoxqError {
  if (error instanceof DetoxqError) return error;
  const code = errorCode(error);
  if (!(error instanceof pg.DatabaseError) || isPassing(error)) {
    const refused = error instanceof pg.DatabaseError ? refusedSession(error) : undefined;
    const reason = refused ?? adviceFor(error, code, hadValues && saysAnything(error));
    return new ServiceError(`Postgres at ${where} cannot be used: ${reason}`, { cause: error });
  }
  if (hadValues) {
    const inFunction = saysAnything(error);
    error.detail = undefined;
    error.where = undefined;
    if (code.startsWith('22')) error.message = 'a value cannot be stored';
    else if (inFunction) error.message = IN_FUNCTION;
    // The stack starts with the message as it was.
    error.stack = '';
  }
  const place = [error.table, error.column, error.constraint].filter((part) => part !== undefined).join(', ');
  const advice = code === INSUFFICIENT_PRIVILEGE ? rightsAdvice(error.message) : '';
  const shown = `Postgres refused a statement: ${error.message} (${code}${place && `; ${place}`})${advice && `: ${advice}`}`;
  const lacksRole = advice === ROLE_ADVICE;
  return new DetoxqError(shown, { cause: error, ...(lacksRole && { code: 'rights_missing', data: {} }) });
}

const IN_FUNCTION = 'a trigger or function refuses it';

/** Whether a function may have worded the message, which may then quote a row. In each language of functions, such an error has a context. */
function saysAnything(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (isRaised(error) || error.where !== undefined);
}

/** Why Postgres opened no session for a user that it knows. */
function refusedSession({ severity, code, message }: pg.DatabaseError): string | undefined {
  if (severity !== 'FATAL') return undefined;
  if (/parameter/.test(message)) {
    return 'it refuses a setting that DATABASE_URL has in options: check its name and its value, or leave it out';
  }
  if (code !== INSUFFICIENT_PRIVILEGE) return undefined;
  return 'this user may not connect to that database: its owner can allow it (GRANT CONNECT ON DATABASE … TO …)';
}

const ROLE_ADVICE =
  'the owner of the tables gives this user a role: detoxq_producer to enqueue, detoxq_worker to work, detoxq_reader to ' +
  "read (SECURITY.md); all the rest is the owner's";

function rightsAdvice(message: string): string {
  const database = /^permission denied for database (.+)$/.exec(message)?.[1];
  if (database !== undefined) {
    return (
      `this user may not make a schema there, which the queue on Postgres needs: the owner of the database can allow it ` +
      `(GRANT CREATE ON DATABASE ${quoteWhereNeeded(database)} TO …), or REDIS_URL names a Redis, which is the queue then`
    );
  }
  if (message.startsWith('must be owner')) return 'run the command as the user who owns it';
  return ROLE_ADVICE;
}

function quoteWhereNeeded(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** @param foreign whether the message may hold anything, and must not come through */
function adviceFor(error: unknown, code: string, foreign = false): string {
  if (!(error instanceof Error)) return 'unknown failure';
  // Where a name has several addresses and none of them answers, the errors are below, and the message is empty.
  if (error instanceof AggregateError && error.errors.length > 0)
    return adviceFor(error.errors[0], errorCode(error.errors[0]));
  const known = ADVICE_BY_TEXT.find(([pattern]) => pattern.test(error.message))?.[1] ?? ADVICE_BY_CODE[code];
  return known ?? (foreign ? `${IN_FUNCTION} for now (${code})` : error.message || code);
}

/** The SQLSTATE of a refused statement, or '' when the error is of another kind. */
export function sqlState(error: unknown): string {
  return error instanceof DetoxqError && error.cause instanceof pg.DatabaseError ? errorCode(error.cause) : '';
}
