import pg from 'pg';
import { DetoxqError, ServiceError } from '../contract/errors.ts';

const ADVICE_BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: is Postgres running, and is DATABASE_URL right?',
  ENOTFOUND: 'that host is unknown: check DATABASE_URL',
  EAI_AGAIN: 'the name of that host could not be looked up: check DATABASE_URL and the network',
  ENOENT: 'that socket does not exist: is Postgres running, and is DATABASE_URL right?',
  '28P01': 'the password is wrong: check DATABASE_URL',
  '28000': 'this user may not connect: check DATABASE_URL and pg_hba.conf',
  '3D000': 'that database does not exist: create it, or check DATABASE_URL',
  '53100': 'its disk is full: free some space',
  '53300': 'it has no connection left: start fewer workers, raise max_connections, or put a pooler in front',
  '25006': 'it is read-only: point DATABASE_URL at the primary',
};

/** SQLSTATEs (or their classes) after which the same statement may succeed: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const TRANSIENT_STATES = /^(08|28|3D000|40|53|55P03|57P|58|25006)/;

/**
 * What an error of `pg` means for a caller.
 *
 * Never keeps what Postgres says about single values (DETAIL, and the message of class 22) when the statement had
 * parameters: those are texts of rows.
 */
export function translatePostgresError(error: unknown, where: string, hadValues: boolean): DetoxqError {
  if (error instanceof DetoxqError) return error;
  const code = codeOf(error);
  if (!(error instanceof pg.DatabaseError) || TRANSIENT_STATES.test(code)) {
    const reason = ADVICE_BY_CODE[code] ?? (error instanceof Error ? error.message : 'unknown failure');
    return new ServiceError(`Postgres at ${where} cannot be used: ${reason}`, { cause: error });
  }
  if (hadValues) {
    error.detail = undefined;
    error.where = undefined;
    if (code.startsWith('22')) error.message = 'a value cannot be stored';
    // The stack starts with the message as it was.
    error.stack = '';
  }
  const place = [error.table, error.column, error.constraint].filter((part) => part !== undefined).join(', ');
  return new DetoxqError(`Postgres refused a statement: ${error.message} (${code}${place && `; ${place}`})`, {
    cause: error,
  });
}

/** The SQLSTATE of a refused statement, or '' when the error is of another kind. */
export function sqlState(error: unknown): string {
  return error instanceof DetoxqError && error.cause instanceof pg.DatabaseError ? codeOf(error.cause) : '';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
