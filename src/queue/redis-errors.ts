import { CERTIFICATE_ADVICE } from '../contract/certificates.ts';
import { DetoxqError, errorCode, ServiceError } from '../contract/errors.ts';
import { NO_FILES_LEFT } from '../contract/file-errors.ts';
import { NO_CLUSTER, NO_SENTINEL } from '../contract/redis-address.ts';

/** The message of an error that stands for a connection that ended before it was ready. */
export const CLOSED_AT_ONCE = 'closed at once';

const NO_REDIS = 'what listens there is no Redis: check REDIS_URL';

/** Words of errors, with advice. The first entry that fits counts. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/cluster mode|^(MOVED|ASK|CROSSSLOT|CLUSTERDOWN)/, `it is a node of a Redis Cluster: ${NO_CLUSTER}`],
  [/unknown command .select/i, `it is a Sentinel: ${NO_SENTINEL}`],
  [/ECONNREFUSED/, 'nothing listens there: is Redis running, and is REDIS_URL right?'],
  [/ENOTFOUND|EAI_AGAIN/, 'that host is unknown: check REDIS_URL'],
  [/ENOENT/, 'that socket does not exist: is Redis running, and is REDIS_URL right?'],
  [/EACCES/, 'this user may not open that socket: see unixsocketperm in the configuration of Redis'],
  [/ENOTSOCK/, 'that file is no socket: check REDIS_URL'],
  [/ETIMEDOUT|timed out|EHOSTUNREACH/, 'it does not answer: check REDIS_URL (host, port, TLS or not) and the network'],
  [/wrong version number|EPROTO/, 'it does not speak TLS there: write redis:// in REDIS_URL, or another port'],
  [/NOAUTH/, 'it asks for a password, and the address has no password: add it to REDIS_URL (redis://:password@…)'],
  [/WRONGPASS|invalid password/, 'user or password is wrong: check REDIS_URL'],
  [
    /DB index is out of range|invalid DB index/,
    'it has no database of that number: check REDIS_URL, and "databases" there',
  ],
  [/NOPERM/, 'this user may not do what a queue needs: check its ACL'],
  [/^OOM/, 'its memory is full: raise maxmemory, or wait until workers have caught up'],
  [/^READONLY/, 'it is a replica: point REDIS_URL at the primary'],
  [/^MISCONF/, 'it cannot write to its disk: see its log'],
  [/^LOADING/, 'it is loading its data: try again in a moment'],
  [
    /^DENIED/,
    'it is in protected mode, for clients of its own machine alone: give it a password, and add it to REDIS_URL',
  ],
  [/max number of clients/, 'it has no connection left: raise maxclients'],
  [/Protocol error|Unknown RESP/, NO_REDIS],
  [/ECONNRESET|EPIPE|^closed at once/, 'it broke the connection off: does it want TLS (rediss://), or is it no Redis?'],
  [/isn't writeable|Connection is closed|max retries/i, 'the connection is lost; it is being opened again'],
];

/** Translates an error of `ioredis` or BullMQ for callers, without any text of the address or of a command. */
export function translateRedisError(error: unknown, where: string): DetoxqError {
  if (error instanceof DetoxqError) return error;
  hideCommand(error);
  // Where a name has several addresses and none of them answers, the errors are below, and the message is empty.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const message = first instanceof Error ? `${errorCode(first)} ${first.message}`.trim() : 'unknown failure';
  const code = errorCode(first);
  const advice =
    CERTIFICATE_ADVICE[code] ??
    NO_FILES_LEFT[code] ??
    ADVICE.find(([pattern]) => pattern.test(message))?.[1] ??
    message;
  return new ServiceError(`Redis at ${where} cannot be used: ${advice}`, { cause: error });
}

/** The arguments of a refused command hold rows, or the password. */
function hideCommand(error: unknown): void {
  if (error instanceof Error && 'command' in error) delete error.command;
}
