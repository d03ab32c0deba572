import { userInfo } from 'node:os';
import {
  decode,
  describePlace,
  type Refuse,
  readHost,
  readPort,
  refusalOf,
  refuseParameter,
  splitAddress,
} from './address.ts';

/** libpq's modes, without those that let the server choose whether the connection is encrypted. */
const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
type SslMode = (typeof SSL_MODES)[number];

/** The parts of an address of Postgres. Every field has a value that is passed on, so that no library reads the address again. */
export interface PostgresAddress {
  /** A name, an IP address, or the folder of a Unix socket, which begins with `/`. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Undefined where the address has none. */
  readonly password: string | undefined;
  /** A file like ~/.pgpass, for an address without a password. */
  readonly passwordFile: string | undefined;
  readonly database: string;
  readonly ssl: PostgresSsl;
  /** Settings of the session, as `-c name=value`; '' for none. Never search_path: tables have a schema by DETOXQ_SCHEMA. */
  readonly options: string;
  readonly applicationName: string | undefined;
  readonly connectTimeoutMs: number | undefined;
  /** Host, port and database for messages: nothing that could be a password. */
  readonly where: string;
}

export interface PostgresSsl {
  readonly mode: SslMode;
  /** TLS from the first byte on, as Postgres 17 can. */
  readonly direct: boolean;
  /** Bind the login to this connection of TLS, where the server offers that. */
  readonly channelBinding: boolean;
  /** Paths of PEM files. `system` for the authorities of Node and the system. */
  readonly rootCertificate: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** Of an encrypted key. */
  readonly keyPassword: string | undefined;
}

const EXAMPLE = 'postgres://user:password@host:5432/database (with TLS: …/database?sslmode=require)';

const PARAMETERS = [
  'host',
  'port',
  'user',
  'password',
  'passfile',
  'dbname',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslnegotiation',
  'channel_binding',
  'options',
  'application_name',
  'connect_timeout',
] as const;

/** Parameters that people take over from other programs, and what to write instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  ssl: 'write sslmode=require (encrypted) or sslmode=verify-full (the server proves who it is)',
  target_session_attrs: 'leave it out; name the primary, or a name that follows it',
  hostaddr: 'write the IP address as the host',
  search_path: 'leave it out; the schema of the tables is named by DETOXQ_SCHEMA',
  schema: 'leave it out; the schema of the tables is named by DETOXQ_SCHEMA',
  currentSchema: 'leave it out; the schema of the tables is named by DETOXQ_SCHEMA',
};

/**
 * Reads `postgres://user:password@host:5432/database?sslmode=verify-full`, by libpq's rules: a parameter wins over the same
 * part before it, and the database is named like the user where it is left out.
 *
 * @param variable where the address stands, for errors
 * @throws UsageError that names the part and the fix, and nothing that could be a password
 */
export function parsePostgresAddress(address: string, variable = 'DATABASE_URL'): PostgresAddress {
  const refuse = refusalOf(variable);
  const parts = splitAddress(address, ['postgres', 'postgresql'], EXAMPLE, refuse);
  const { parameters } = parts;
  for (const [name, value] of parameters) checkParameter(name, value, refuse);
  const named = parameters.get('host');
  const host = (named === undefined ? parts.host : readNamedHost(named, refuse)) || 'localhost';
  const namedPort = parameters.get('port');
  const port = (namedPort === undefined ? parts.port : readPort(namedPort, refuse)) ?? 5432;
  const user = parameters.get('user') ?? parts.user;
  const path = decode(parts.path.slice(1), 'the name of the database', refuse);
  if (parts.path.slice(1).includes('/')) {
    throw refuse('the name of the database has a "/": write it as %2F, or a "/" of the password as %2F');
  }
  const database = parameters.get('dbname') ?? path;
  return {
    host,
    port,
    user: user || userInfo().username,
    password: (parameters.get('password') ?? parts.password) || undefined,
    passwordFile: parameters.get('passfile') || undefined,
    database: database || user || userInfo().username,
    ssl: readSsl(parameters, host, refuse),
    options: readOptions(parameters.get('options') ?? '', refuse),
    applicationName: parameters.get('application_name') || undefined,
    connectTimeoutMs: readTimeout(parameters.get('connect_timeout'), refuse),
    where: host.startsWith('/')
      ? `${host}/.s.PGSQL.${port}${database && ` (database ${database})`}`
      : `${describePlace(host, port)}${database && `/${database}`}`,
  };
}

function checkParameter(name: string, value: string, refuse: Refuse): void {
  if ((PARAMETERS as readonly string[]).includes(name)) return;
  // Says that the modes are libpq's, which they are.
  if (name === 'uselibpqcompat' && value === 'true') return;
  const instead = INSTEAD[name];
  if (instead !== undefined) throw refuse(`it has the parameter ${name}: ${instead}`);
  throw refuseParameter(name, value, PARAMETERS, refuse);
}

function readNamedHost(host: string, refuse: Refuse): string {
  if (host.startsWith('@')) throw refuse('it names an abstract Unix socket: name a folder, or a host');
  if (host.includes(',')) throw refuse('it names several hosts: name one, or a name that follows the primary');
  return host.startsWith('/') ? host : readHost(host, refuse);
}

function readSsl(parameters: ReadonlyMap<string, string>, host: string, refuse: Refuse): PostgresSsl {
  const [rootCertificate, certificate, key, keyPassword, negotiation] = [
    'sslrootcert',
    'sslcert',
    'sslkey',
    'sslpassword',
    'sslnegotiation',
  ].map((name) => parameters.get(name) || undefined);
  const mode = readSslMode(parameters.get('sslmode'), rootCertificate ?? certificate ?? key, refuse);
  if (mode !== 'disable' && host.startsWith('/')) {
    throw refuse('it asks for TLS on a Unix socket, which has none: leave the parameters that begin with ssl out');
  }
  if (mode === 'disable' && (rootCertificate ?? certificate ?? key ?? keyPassword) !== undefined) {
    throw refuse('it names certificates or keys, which have no effect with sslmode=disable');
  }
  if ((certificate === undefined) !== (key === undefined)) {
    throw refuse('sslcert and sslkey belong together: name both or none');
  }
  if (mode === 'verify-ca' && rootCertificate === undefined) {
    throw refuse('sslmode=verify-ca needs sslrootcert, the file of the authority');
  }
  if (rootCertificate === 'system' && mode !== 'verify-full') {
    throw refuse('sslrootcert=system needs sslmode=verify-full: anyone may have a certificate of such an authority');
  }
  if (negotiation !== undefined && negotiation !== 'postgres' && negotiation !== 'direct') {
    throw refuse('sslnegotiation must be postgres or direct');
  }
  if (negotiation === 'direct' && mode === 'disable')
    throw refuse('sslnegotiation=direct needs sslmode=require or stronger');
  const channelBinding = readChannelBinding(parameters.get('channel_binding'), refuse) && mode !== 'disable';
  return { mode, direct: negotiation === 'direct', channelBinding, rootCertificate, certificate, key, keyPassword };
}

function readChannelBinding(given: string | undefined, refuse: Refuse): boolean {
  if (given === undefined || given === 'disable') return false;
  if (given === 'prefer') return true;
  throw refuse(
    given === 'require'
      ? 'channel_binding=require is more than detoxq can make sure of: leave it out, which suffices to connect, or write ' +
          'channel_binding=prefer; sslmode=verify-full makes sure of the server'
      : 'channel_binding must be prefer or disable, or is left out',
  );
}

function readSslMode(given: string | undefined, file: string | undefined, refuse: Refuse): SslMode {
  // An address that names a certificate expects it to be checked.
  if (given === undefined) return file === undefined ? 'disable' : 'verify-full';
  // The name that pg has for it.
  if (given === 'no-verify') return 'require';
  const mode = SSL_MODES.find((known) => known === given);
  if (mode !== undefined) return mode;
  const soft = given === 'allow' || given === 'prefer';
  throw refuse(
    soft
      ? `sslmode=${given} leaves it to the server whether the connection is encrypted: write require, or disable`
      : `sslmode must be one of ${SSL_MODES.join(', ')}`,
  );
}

/** One `-c name=value` or `--name=value`; a space in the value is written "\ ". */
const SETTING = /(?:-c\s*|--)([\w.-]+)=(?:\\.|[^\s\\])*(?:\s+|$)/gsy;

function readOptions(options: string, refuse: Refuse): string {
  const text = options.trim();
  // The host names it already, and TLS hands the host on.
  if (/^(endpoint|project)\s*=/.test(text)) {
    throw refuse('options names an endpoint, as for Neon: leave options out; the host names the endpoint already');
  }
  const settings = [...text.matchAll(SETTING)];
  if (settings.map(([setting]) => setting).join('') !== text) {
    throw refuse('options must be of the form -c name=value (in an address, a space is written %20)');
  }
  if (settings.some(([, name = '']) => /^search[_-]path$/i.test(name))) {
    throw refuse('options sets search_path: leave it out; the schema of the tables is named by DETOXQ_SCHEMA');
  }
  return text;
}

function readTimeout(seconds: string | undefined, refuse: Refuse): number | undefined {
  if (seconds === undefined) return undefined;
  if (/^\d{1,6}$/.test(seconds) && Number(seconds) > 0) return Number(seconds) * 1000;
  throw refuse('connect_timeout must be a whole number of seconds, at least 1');
}
