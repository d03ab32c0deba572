/**
 * Something that runs SQL: the pool, or one transaction of it.
 *
 * SQL names the tables `detoxq.runs`, `detoxq.results`, …, and `inSchema` puts another schema in place of `detoxq`. No
 * statement relies on the search path, which a pooler in transaction mode loses (docs/decisions/store-schema.md).
 */
export interface Connection {
  /**
   * Rows of one statement. `int8` comes as a number, `jsonb` parsed, `timestamptz` as a Date. One that Postgres undid for
   * a fault that passes (a cancel, a deadlock) is tried again, a few times.
   * @throws ServiceError when Postgres cannot be reached or cannot serve now; DetoxqError when it refuses the statement.
   */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

export interface Database extends Connection {
  /** The schema that `detoxq.` in SQL stands for. */
  readonly schema: string;
  /**
   * Commits when `work` returns, rolls back when it throws. Where Postgres undid it for a fault that passes, `work` is
   * called again: it leaves nothing outside of the transaction.
   */
  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Always rolls back, so that nothing of what `work` changed stays. */
  rolledBack<T>(
    work: (connection: Connection) => Promise<T>,
    /** When it comes, the statement under way is cancelled in Postgres, and fails. */
    signal?: AbortSignal,
  ): Promise<T>;
  /** Waits for statements under way, then closes every connection. */
  close(): Promise<void>;
}
