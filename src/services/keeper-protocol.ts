/*
 * Between a command and the keeper of its home: TCP on 127.0.0.1, one line of JSON each way.
 * A connection that asked for a lease is the lease: it lasts until the connection ends, and the kernel ends it
 * when the process dies in whatever way. A keeper that is about to stop says so on every connection.
 */

/** Which servers are wanted. */
export interface Needs {
  readonly postgres: boolean;
  readonly redis: boolean;
}

export type KeeperRequest =
  /** Servers for as long as the connection lasts. */
  | { readonly token: string; readonly op: 'lease'; readonly needs: Needs }
  /** Servers until a `stop`. */
  | { readonly token: string; readonly op: 'keep'; readonly needs: Needs }
  /** Takes `keep` back. */
  | { readonly token: string; readonly op: 'stop' }
  | { readonly token: string; readonly op: 'status' };

export interface KeeperReply {
  /** Message for a ServiceError: a server cannot be started. */
  readonly error?: string;
  /** The error is that the home folder cannot be written. */
  readonly homeFault?: boolean;
  /** The keeper is stopping: its process ends soon, and then another can be started. */
  readonly stopping?: boolean;
  /** Null: not started; for Redis after a lease that needs it: no redis-server or valkey-server was found. */
  readonly databaseUrl: string | null;
  readonly redisUrl: string | null;
  /** Commands that use the servers now. */
  readonly leases: number;
  /** Whether the servers stay when no command uses them. */
  readonly kept: boolean;
}

/** What the keeper is told on its command line. */
export interface KeeperOptions {
  readonly home: string;
  /** PATH of the command that started it: where redis-server is looked for. */
  readonly path: string;
}

/** First message of the keeper to the process that started it, on its standard output. */
export const CLAIMED = 'claimed\n';
/** Another keeper was first. */
export const TAKEN = 'taken\n';

/** Longest request, in bytes. */
export const MAX_REQUEST = 4096;
