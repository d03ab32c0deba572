import { existsSync } from 'node:fs';
import { ServiceError } from '../contract/errors.ts';
import { type PostgresAddress, parsePostgresAddress } from '../contract/postgres-address.ts';
import { passwordFromFile } from './password-file.ts';
import { type PostgresTls, postgresTls } from './postgres-tls.ts';

/**
 * All that `pg` would otherwise take from a connection string or from the environment (PGHOST, PGSSLMODE, …). No field is
 * empty, since `pg` reads the environment for an empty one.
 */
interface PostgresConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** Called when the server asks. */
  readonly password: () => Promise<string>;
  readonly ssl: PostgresTls | false;
  readonly sslnegotiation: 'postgres' | 'direct';
  readonly enableChannelBinding: boolean;
  readonly client_encoding: 'UTF8';
  readonly application_name: string;
  readonly connectionTimeoutMillis: number;
  /** Undefined for none: there, `pg` looks at PGOPTIONS. */
  readonly options: string | undefined;
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * What a pool on `url` is opened with, and the place for messages, without user and password.
 * @throws UsageError that names the part of the address that cannot be used
 */
export function openAddress(url: string, applicationName: string): { where: string; connection: PostgresConnection } {
  const address = parsePostgresAddress(url);
  const { host, port, user, database, ssl, options, connectTimeoutMs, where } = address;
  return {
    where,
    connection: {
      host,
      port,
      user,
      database,
      password: async () => passwordOf(address),
      ssl: postgresTls(ssl, 'DATABASE_URL'),
      sslnegotiation: ssl.direct ? 'direct' : 'postgres',
      enableChannelBinding: ssl.channelBinding,
      client_encoding: 'UTF8',
      application_name: address.applicationName ?? applicationName,
      connectionTimeoutMillis: connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      options: options || undefined,
    },
  };
}

function passwordOf(address: PostgresAddress): string {
  const { password, passwordFile, where } = address;
  const found = password ?? (passwordFile === undefined ? undefined : passwordFromFile(passwordFile, address));
  if (found !== undefined) return found;
  throw new ServiceError(
    `Postgres at ${where} cannot be used: it asks for a password, and the address has no password: ` +
      'add it to DATABASE_URL (postgres://user:password@…), or set PGPASSWORD' +
      (passwordFile === undefined ? '' : `. The password file ${passwordFile} ${whyNone(passwordFile)}`),
  );
}

function whyNone(passwordFile: string): string {
  return existsSync(passwordFile) ? 'has no line that fits' : 'does not exist';
}
