import { decode, describePlace, type Refuse, refusalOf, refuseParameter, splitAddress } from './address.ts';

/** What an address of Redis says. */
export interface RedisAddress {
  readonly place: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly tls: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** Host, port and database, or the socket, for messages: nothing that could be a password. */
  readonly where: string;
}

/** What a Cluster or a Sentinel is told. */
const ONLY_ONE = 'detoxq works with one Redis or Valkey (the primary), not with a Cluster and not through Sentinel';
export const NO_SENTINEL = `${ONLY_ONE}: name the primary, or a name that follows it, or leave REDIS_URL out, and Postgres is the queue`;
export const NO_CLUSTER = `${ONLY_ONE}: name a Redis that is no Cluster, or leave REDIS_URL out, and Postgres is the queue`;

const EXAMPLE = 'redis://:password@host:6379/0 (with TLS: rediss://:password@host:6379/0), for Valkey too';

/**
 * Reads `redis://user:password@host:6379/0`, `rediss://…` (TLS) and `unix:///folder/redis.sock?db=0`.
 *
 * @param variable where the address stands, for errors
 * @throws UsageError that names the part and the fix, and nothing that could be a password
 */
export function parseRedisAddress(address: string, variable = 'REDIS_URL'): RedisAddress {
  const refuse = refusalOf(variable);
  const scheme = /^\s*([a-z+-]*):\/\//i.exec(address)?.[1] ?? '';
  if (/sentinel/i.test(scheme)) throw refuse(NO_SENTINEL);
  if (/cluster/i.test(scheme)) throw refuse(NO_CLUSTER);
  const parts = splitAddress(address, ['redis', 'rediss', 'unix'], EXAMPLE, refuse);
  const { user, password, host, port, path, parameters } = parts;
  for (const [name, value] of parameters) if (name !== 'db') throw refuseParameter(name, value, ['db'], refuse);
  if (user !== '' && password === undefined) {
    throw refuse('it has a user name and no password: write user:password@, or :password@ for the default user');
  }
  const credentials = { user: user || undefined, password: password || undefined };
  const named = parameters.get('db');
  if (parts.scheme === 'unix') {
    if (host !== '' || port !== undefined) {
      throw refuse('a Unix socket has no host: write unix:///folder/redis.sock, with three "/"');
    }
    const socket = decode(path, 'the path of the socket', refuse);
    if (socket === '' || socket === '/') throw refuse('it names no socket: write unix:///folder/redis.sock');
    const database = readDatabase(named, refuse);
    const where = database === 0 ? socket : `${socket} (database ${database})`;
    return { place: { path: socket }, tls: false, ...credentials, database, where };
  }
  if (host.startsWith('/') || /\.sock$/.test(path)) {
    throw refuse('a Unix socket is written unix:///folder/redis.sock');
  }
  const last = decode(path.replace(/^\//, ''), 'the number of the database', refuse);
  if (last !== '' && named !== undefined) throw refuse('it names the database twice, after the "/" and as db');
  const database = readDatabase(last === '' ? named : last, refuse);
  const place = { host: host || 'localhost', port: port ?? 6379 };
  const where = describePlace(place.host, place.port) + (last === '' && named === undefined ? '' : `/${database}`);
  return { place, tls: parts.scheme === 'rediss', ...credentials, database, where };
}

function readDatabase(text: string | undefined, refuse: Refuse): number {
  if (text === undefined) return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw refuse('the database of Redis is a number, as in redis://host:6379/0 (a "/" in a password is written %2F)');
}
