import type pg from 'pg';
import { errorCode } from '../contract/errors.ts';

/*
 * Which errors of Postgres pass by themselves, so that the same statement may succeed later, unchanged. All other classes
 * of https://www.postgresql.org/docs/current/errcodes-appendix.html name a fault of the statement, of its values, of a
 * trigger or of the schema, which another try would meet again.
 */

/** Classes in which every state passes after a change elsewhere. */
const PASSING_CLASSES: ReadonlySet<string> = new Set([
  // Connection exception. Of its states, 08P01 is looked at below.
  '08',
  // Invalid authorization: roles and pg_hba.conf are changed while workers run.
  '28',
  // Transaction rollback: deadlocks, conflicts of serializable transactions and of a standby.
  '40',
  // Insufficient resources: disk, memory, connections, locks.
  '53',
  // Operator intervention: a cancel, a time-out of a statement, a restart, a stop.
  '57',
  // System error: input and output, files.
  '58',
]);

/** States that pass in classes that do not. */
const PASSING_STATES: ReadonlySet<string> = new Set([
  // Read-only: a standby, or a primary that lets nothing in for a while.
  '25006',
  // A transaction that failed before, that was idle for too long, or that took too long.
  '25P02',
  '25P03',
  '25P04',
  // No such database: it is being restored, or renamed.
  '3D000',
  // Object in use, lock not available.
  '55006',
  '55P03',
  // Snapshot too old, until Postgres 16.
  '72000',
]);

const PROTOCOL_VIOLATION = '08P01';

/** The session ended with the error, which says nothing about the statement. The word is the same in most languages of Postgres. */
const ENDS_SESSION: ReadonlySet<string> = new Set(['FATAL', 'PANIC']);

/** Whether the same statement may succeed later. */
export function isPassing({ severity, code = '' }: pg.DatabaseError): boolean {
  if (ENDS_SESSION.has(severity ?? '')) return true;
  // Poolers end a session with this state whatever their reason is. Without that, it is the statement that is malformed.
  if (code === PROTOCOL_VIOLATION) return false;
  return PASSING_CLASSES.has(code.slice(0, 2)) || PASSING_STATES.has(code);
}

/** States after which nothing of the statement or the transaction is left in Postgres, and which are not a deliberate end. */
const ROLLED_BACK: ReadonlySet<string> = new Set(['25P02', '40001', '40P01', '57014']);

/** Whether the statement may be tried again at once: its fault passes, and it surely was not committed. */
export function isRolledBack(error: unknown): boolean {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return false;
  const { severity, code } = error;
  return severity === 'ERROR' && typeof code === 'string' && ROLLED_BACK.has(code);
}

const LIMIT_STATES: ReadonlySet<string> = new Set(['57014', '25P03', '25P04']);

/** Whether a limit on the time of statements or transactions may have ended it. */
export function isLimit(error: unknown): boolean {
  return LIMIT_STATES.has(errorCode(error));
}
