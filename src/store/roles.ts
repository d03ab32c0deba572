import { DetoxqError } from '../contract/errors.ts';
import type { Connection, Database } from './database.ts';
import { quoteIdentifier } from './in-schema.ts';
import { sqlState } from './postgres-errors.ts';

/**
 * Group roles without a login: give them to the users of your programs (`GRANT detoxq_worker TO alice`).
 * - `detoxq_producer`: enqueue, pause, cancel, `resume --detach`, status. Reads no text.
 * - `detoxq_worker`: worker, retry. Reads no results.
 * - `detoxq_reader`: status, verify, export, query. Changes nothing.
 *
 * Migrations, deleting runs and these roles themselves are the owner's.
 */
export const ROLES = ['detoxq_producer', 'detoxq_worker', 'detoxq_reader'] as const;

const INSUFFICIENT_PRIVILEGE = '42501';

/** All of `chunks` but the text of rows. */
const LEDGER_COLUMNS = `run_id, chunk_no, first_row, row_count, state, claims, attempts, worker, enqueued_at, claimed_at,
  done_at, rows_clean, rows_detoxified, rows_still_toxic, rows_unchanged, rows_rejected, row_errors, toxicity_before_sum,
  toxicity_after_sum, tokens_in, tokens_out, timings, retrying, checked_claim, unpacked_bytes, decoding, faults, last_fault, last_fault_at`;

/** Partitions of `results` need no grants: rights are asked of the table that a statement names. */
const GRANTS = [
  'SELECT ON detoxq.detoxq_migrations, detoxq.runs, detoxq.run_progress, detoxq.workers, detoxq.queue_leftovers TO detoxq_producer, detoxq_worker, detoxq_reader',
  `SELECT (${LEDGER_COLUMNS}) ON detoxq.chunks TO detoxq_producer, detoxq_reader`,

  'INSERT (id, name, source, settings, settings_hash, requires) ON detoxq.runs TO detoxq_producer',
  'UPDATE (state, rows_total, chunks_total, finished_at, producer, producer_seen_at) ON detoxq.runs TO detoxq_producer',
  'EXECUTE ON FUNCTION detoxq.create_results_partition(text) TO detoxq_producer',
  'INSERT (run_id, chunk_no, first_row, row_count, payload, payload_digest, unpacked_bytes) ON detoxq.chunks TO detoxq_producer',
  'SELECT (run_id, row_no, stage, code, attempts) ON detoxq.row_errors TO detoxq_producer',

  'UPDATE (state, finished_at, reconciled_at) ON detoxq.runs TO detoxq_worker',
  'SELECT, UPDATE ON detoxq.chunks TO detoxq_worker',
  'SELECT, INSERT ON detoxq.models TO detoxq_worker',
  'INSERT ON detoxq.results TO detoxq_worker',
  'SELECT, INSERT, UPDATE, DELETE ON detoxq.row_errors TO detoxq_worker',
  'INSERT, UPDATE, DELETE ON detoxq.workers TO detoxq_worker',
  'SELECT, INSERT, UPDATE, DELETE ON detoxq.suspect_slices TO detoxq_worker',
  'INSERT, UPDATE, DELETE ON detoxq.queue_leftovers TO detoxq_producer, detoxq_worker',

  'SELECT ON detoxq.results, detoxq.row_errors, detoxq.models, detoxq.detox_pairs TO detoxq_reader',
] as const;

/**
 * Makes the missing roles, and grants all of them exactly what they need in this schema. It may be repeated.
 * @throws DetoxqError when the user of this connection may not
 */
export async function createRoles(database: Database): Promise<void> {
  try {
    await database.transaction(async (connection) => {
      for (const role of ROLES) await createRole(connection, role);
      const all = ROLES.join(', ');
      await connection.query(`GRANT USAGE ON SCHEMA ${quoteIdentifier(database.schema)} TO ${all}`);
      // Grants of an earlier version, or by hand.
      await connection.query(
        `REVOKE ALL ON detoxq.detoxq_migrations, detoxq.runs, detoxq.run_progress, detoxq.workers, detoxq.chunks,
           detoxq.models, detoxq.results, detoxq.row_errors, detoxq.suspect_slices, detoxq.queue_leftovers, detoxq.detox_pairs FROM ${all}`,
      );
      for (const grant of GRANTS) await connection.query(`GRANT ${grant}`);
    });
  } catch (error) {
    if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new DetoxqError(
      'this user may not make roles or grant rights: a superuser may, and the owner of the tables with CREATEROLE',
      { cause: error, code: 'roles_refused', data: {} },
    );
  }
}

/** Whether the roles have rights in this schema: after a migration they need those to what is new. */
export async function hasRoles(database: Database): Promise<boolean> {
  const [found] = await database.query<{ granted: boolean | null }>(
    `SELECT has_table_privilege(oid, 'detoxq.workers', 'INSERT') AS granted FROM pg_roles WHERE rolname = 'detoxq_worker'`,
  );
  return found?.granted ?? false;
}

async function createRole(connection: Connection, role: string): Promise<void> {
  await connection.query(`
    DO $do$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN CREATE ROLE ${role} NOLOGIN; END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $do$`);
}
