import { createConnection } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { DetoxqError, ServiceError } from '../contract/errors.ts';
import type { Connection, Database } from './database.ts';
import { isLimit, isRolledBack } from './passing-faults.ts';
import { openAddress } from './postgres-connection.ts';
import { translatePostgresError } from './postgres-errors.ts';
import { readDeviations, refusesOptions, type SessionWishes, startupOptions } from './session-settings.ts';

/** Where the tables of a new installation are, and what SQL in this folder calls that schema. */
export const DEFAULT_SCHEMA = 'detoxq';

interface PoolOptions {
  /** Most connections. */
  readonly max: number;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /**
   * A statement without an answer has failed after this long, and is cancelled: behind a firewall that dropped the
   * connection, no answer would come for 15 minutes. Default none, for what scans whole tables.
   */
  readonly answerTimeoutMs?: number | undefined;
  /** What an administrator set for this user (`statement_timeout`, …) ends statements: for those that people write. */
  readonly keepLimits?: boolean;
}

/** Pauses before a statement that was undone is tried again. */
const UNDONE_RETRY_MS = [20, 100, 500] as const;
const CANCEL_TIMEOUT_MS = 10_000;
/** The system's own would notice an idle connection's end after 2 hours. */
const KEEP_ALIVE_MS = 10_000;

/**
 * A pool on `url` (`postgres://…`). Connects on first use.
 *
 * Keeps no state in a session (no SET but SET LOCAL, no LISTEN, named statements or session locks), so that it works behind a
 * pooler in transaction mode. Settings are sent as a session starts or, behind a pooler that refuses that, in each transaction.
 *
 * @throws UsageError when `url` is not such an address, or names files for TLS that cannot be used
 */
export function createPool(url: string, options: PoolOptions): Database {
  const { where, connection } = openAddress(url, options.applicationName);
  const wishes: SessionWishes = { options: connection.options, keepLimits: options.keepLimits ?? false };
  let sessionOptions: string | undefined;
  const pool = new pg.Pool({
    ...connection,
    Client: clientWith(() => sessionOptions),
    max: options.max,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    ...(options.answerTimeoutMs === undefined ? {} : { query_timeout: options.answerTimeoutMs }),
    types: { getTypeParser },
  });
  // The next query replaces an idle connection that breaks. Without a listener, the event would end the process.
  pool.on('error', ignore);
  // One that breaks in use is noticed by its next statement. From the first moment: the end of a session may come in one
  // piece with its beginning, before the caller has the connection.
  pool.on('connect', (client) => client.on('error', ignore));

  async function run<Row extends object>(
    client: pg.PoolClient,
    text: string,
    values?: readonly unknown[],
  ): Promise<Row[]> {
    try {
      const result = values === undefined ? await client.query<Row>(text) : await client.query<Row>(text, [...values]);
      return result.rows;
    } catch (error) {
      if (isOverdue(error)) cancelStatement(client);
      // Sessions of a pooler may have been given a limit since: the next statement looks again.
      if (isLimit(error)) settled = undefined;
      throw translatePostgresError(error, where, values !== undefined && values.length > 0);
    }
  }

  /** The first session of the pool, which Postgres may refuse for its settings. */
  async function beginFirst(newer: boolean): Promise<{ client: pg.PoolClient; told: boolean }> {
    sessionOptions = startupOptions(wishes, newer);
    try {
      return { client: await connect(), told: true };
    } catch (error) {
      if (!(error instanceof DetoxqError) || !refusesOptions(error.cause)) throw error;
      sessionOptions = wishes.options;
      return { client: await connect(), told: false };
    }
  }

  /** How a transaction begins in which all settings are right; null where they are so without one. */
  async function settle(newer = false): Promise<string | null> {
    const { client, told } = await beginFirst(newer);
    let broken = true;
    try {
      const found = await readDeviations((text, values) => run(client, text, values), wishes);
      broken = found.newerLimit && told && !newer;
      if (!broken) return found.begin;
    } finally {
      client.release(broken);
    }
    return settle(true);
  }

  let settled: Promise<string | null> | undefined;
  function beginning(): Promise<string | null> {
    const settling = settled ?? whenUndone(() => settle());
    settled = settling;
    settling.catch(() => {
      if (settled === settling) settled = undefined;
    });
    return settling;
  }

  async function connect(): Promise<pg.PoolClient> {
    return pool.connect().catch((error) => {
      throw translatePostgresError(error, where, false);
    });
  }

  async function queryOnce<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]> {
    const client = await connect();
    let broken = true;
    try {
      const rows = await run<Row>(client, text, values);
      broken = false;
      return rows;
    } finally {
      client.release(broken);
    }
  }

  async function transactOnce<T>(
    begin: string,
    work: (connection: Connection) => Promise<T>,
    end: 'COMMIT' | 'ROLLBACK' = 'COMMIT',
    signal?: AbortSignal,
  ): Promise<T> {
    const client = await connect();
    const cancel = (): void => cancelStatement(client);
    let broken = false;
    try {
      signal?.addEventListener('abort', cancel, { once: true });
      await run(client, begin);
      const value = await work({ query: (text, values) => run(client, text, values) });
      await run(client, end);
      return value;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {
        broken = true;
      });
      throw error;
    } finally {
      signal?.removeEventListener('abort', cancel);
      client.release(broken);
    }
  }

  async function transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return whenUndone(async () => transactOnce((await beginning()) ?? 'BEGIN', work));
  }

  return {
    schema: DEFAULT_SCHEMA,
    async query(text, values) {
      return whenUndone(async () => {
        const begin = await beginning();
        if (begin === null) return queryOnce(text, values);
        return transactOnce(begin, (connection) => connection.query(text, values));
      });
    },
    transaction,
    async rolledBack(work, signal) {
      // Not tried again: what it read was passed on.
      return transactOnce((await beginning()) ?? 'BEGIN', work, 'ROLLBACK', signal);
    },
    close: () => pool.end(),
  };
}

function ignore(): void {}

/** Tries again what Postgres undid for a passing fault: an administrator who cancels a statement does not mean to end the work. */
async function whenUndone<T>(work: () => Promise<T>): Promise<T> {
  for (const pauseMs of UNDONE_RETRY_MS) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ServiceError) || !isRolledBack(error.cause)) throw error;
      await pause(pauseMs * (0.5 + Math.random()));
    }
  }
  return work();
}

function isOverdue(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout';
}

/**
 * Cancels a statement that was given up in the server, too. Otherwise one that waits for a lock would keep its connection,
 * and each further try another one.
 */
function cancelStatement(client: pg.PoolClient): void {
  const { host, port, processID, secretKey } = { ...client } as Readonly<Record<string, unknown>>;
  if (typeof host !== 'string' || typeof port !== 'number') return;
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return;
  // https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CANCELREQUEST
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(80877102, 4);
  request.writeInt32BE(processID, 8);
  request.writeInt32BE(secretKey, 12);
  const socket = host.startsWith('/') ? createConnection(`${host}/.s.PGSQL.${port}`) : createConnection(port, host);
  socket.on('error', ignore).setTimeout(CANCEL_TIMEOUT_MS, () => socket.destroy());
  socket.unref().resume().end(request);
}

/** Clients that take these settings of the session, or none, and not those of PGOPTIONS. */
function clientWith(options: () => string | undefined): typeof pg.Client {
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      const parameters: unknown = Reflect.get(this, 'connectionParameters');
      if (typeof parameters === 'object' && parameters !== null) Object.assign(parameters, { options: options() });
    }
  };
}

function getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === pg.types.builtins.INT8 && format !== 'binary') return parseInt8;
  return pg.types.getTypeParser(oid, format === 'binary' ? 'text' : format);
}

function parseInt8(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`the integer ${value} is too large for a number`);
  return number;
}
