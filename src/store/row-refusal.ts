import pg from 'pg';
import { DetoxqError, ServiceError } from '../contract/errors.ts';

/**
 * Classes of SQLSTATE that Postgres refuses single values or rows with: data exceptions, constraints, check options of
 * views, limits of size, and what a function or trigger raises.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const CLASSES_OF_ROWS = ['22', '23', '38', '39', '44', '54', 'P0'];

const WORDS: Readonly<Record<string, string>> = {
  '23502': 'a column must not be null',
  '23503': 'a foreign key has no such row',
  '23505': 'a unique constraint holds the same value already',
  '23514': 'a check constraint does not hold',
  '23P01': 'an exclusion constraint does not hold',
};
const WORDS_OF_CLASS: Readonly<Record<string, string>> = {
  '22': 'a value does not fit its column',
  '23': 'a constraint does not hold',
  '38': 'a function of this database fails on it',
  '39': 'a function of this database fails on it',
  '44': 'the check option of a view does not hold',
  '54': 'it is larger than Postgres or an index allows',
};

/**
 * Why Postgres refuses to write a row, without any text of the row. The words of a trigger are left out. Null where the row is
 * not at fault: a missing table, a missing right, a service that is away.
 */
export function rowRefusal(error: unknown): string | null {
  if (!(error instanceof DetoxqError) || error instanceof ServiceError) return null;
  if (!(error.cause instanceof pg.DatabaseError)) return null;
  const { code = '', constraint, column } = error.cause;
  const raised = isRaised(error.cause);
  if (!raised && !CLASSES_OF_ROWS.includes(code.slice(0, 2))) return null;
  const reason = raised
    ? 'a trigger or function of this database refuses it'
    : (WORDS[code] ?? WORDS_OF_CLASS[code.slice(0, 2)] ?? 'it cannot be stored');
  const place = [constraint && `constraint ${constraint}`, column && `column ${column}`].filter(Boolean).join(', ');
  return `Postgres does not store this row: ${reason} (${code}${raised || place === '' ? '' : `; ${place}`}).`;
}

/** Where PL/pgSQL, PL/Python, PL/Perl, PL/Tcl and PL/v8 raise what a function says. */
const RAISING = /^(exec_stmt_raise|PLy_|plperl|pltcl|plv8)/;

/** Whether a function raised the error. Then its code is arbitrary, and its words may hold anything. */
export function isRaised(error: pg.DatabaseError): boolean {
  return RAISING.test(error.routine ?? '') || (error.code ?? '').startsWith('P0');
}
