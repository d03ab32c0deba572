import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';
import { errorCode, UsageError } from '../contract/errors.ts';
import type { PostgresSsl } from '../contract/postgres-address.ts';

/** What `tls.connect` needs besides the host. Keys and passwords stay inside the context. */
export interface PostgresTls {
  readonly secureContext: tls.SecureContext;
  readonly rejectUnauthorized: boolean;
  readonly checkServerIdentity?: () => undefined;
}

const PEM_CERTIFICATES = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * TLS as psql has it: `require` encrypts and asks for no proof, `verify-ca` wants a certificate of the authority,
 * `verify-full` also one for this host. As in psql, `require` with an authority is `verify-ca`.
 *
 * @param variable where the address stands, for errors
 * @throws UsageError for a file that cannot be read or is not what it should be, by the name of its parameter
 */
export function postgresTls(ssl: PostgresSsl, variable: string): PostgresTls | false {
  if (ssl.mode === 'disable') return false;
  const files = {
    ca: readAuthorities(ssl.rootCertificate, variable),
    cert: readCertificates('sslcert', ssl.certificate, variable),
    key: readKey(ssl, variable),
    passphrase: ssl.keyPassword,
  };
  let secureContext: tls.SecureContext;
  try {
    secureContext = tls.createSecureContext(files);
  } catch (error) {
    const mismatch = codeOf(error) === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH';
    throw unusable(variable, mismatch ? 'sslkey is not the key of sslcert' : `sslcert and sslkey: ${codeOf(error)}`);
  }
  if (ssl.mode === 'verify-full') return { secureContext, rejectUnauthorized: true };
  const rejectUnauthorized = ssl.rootCertificate !== undefined;
  return { secureContext, rejectUnauthorized, checkServerIdentity: () => undefined };
}

/** Undefined: those of Node, with NODE_EXTRA_CA_CERTS. */
function readAuthorities(path: string | undefined, variable: string): string[] | undefined {
  if (path !== 'system') return readCertificates('sslrootcert', path, variable);
  // Node 20 has only its own authorities.
  if (!('getCACertificates' in tls)) return undefined;
  return [...tls.getCACertificates('default'), ...tls.getCACertificates('system')];
}

function readCertificates(parameter: string, path: string | undefined, variable: string): string[] | undefined {
  if (path === undefined) return undefined;
  const certificates = read(parameter, path, variable).match(PEM_CERTIFICATES);
  if (certificates === null)
    throw unusable(variable, `the file that ${parameter} names holds no certificate in PEM form`);
  for (const certificate of certificates) {
    if (!isCertificate(certificate)) {
      throw unusable(variable, `the file that ${parameter} names holds a certificate that is broken`);
    }
  }
  return certificates;
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).subject !== '';
  } catch {
    return false;
  }
}

function readKey({ key: path, keyPassword }: PostgresSsl, variable: string): string | undefined {
  if (path === undefined) return undefined;
  const key = read('sslkey', path, variable);
  try {
    createPrivateKey({ key, ...(keyPassword === undefined ? {} : { passphrase: keyPassword }) });
  } catch (error) {
    const encrypted = /ENCRYPTED/.test(key);
    const asks = encrypted && keyPassword === undefined;
    if (asks) throw unusable(variable, 'the key that sslkey names is encrypted: give its password in sslpassword');
    throw unusable(
      variable,
      encrypted
        ? `sslpassword does not open the key that sslkey names (${codeOf(error)})`
        : 'the file that sslkey names holds no private key in PEM form',
    );
  }
  return key;
}

function read(parameter: string, path: string, variable: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'does not exist',
      EACCES: 'may not be read by this user',
      EISDIR: 'is a folder',
    };
    // Not the path: a piece of a password may stand in its place.
    throw unusable(variable, `the file that ${parameter} names ${reasons[code] ?? `cannot be read (${code})`}`);
  }
}

function unusable(variable: string, problem: string): UsageError {
  return new UsageError(`${variable} cannot be used: ${problem}.`);
}

function codeOf(error: unknown): string {
  return errorCode(error) || 'unknown reason';
}
