import { isIPv6 } from 'node:net';
import { UsageError } from './errors.ts';

/** What every address of a service is made of; user, password and host are decoded. */
interface AddressParts {
  /** In lower case, without `://`. */
  readonly scheme: string;
  readonly user: string;
  /** Undefined where there is no `:` before the `@`. */
  readonly password: string | undefined;
  /** '' where there is none. An IPv6 address has no brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** As written, from the first `/` on, or ''. */
  readonly path: string;
  /** Decoded, in their order; each name occurs once. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Refuses an address. The message names the variable, the part and the fix, and never what was written there. */
export type Refuse = (problem: string) => UsageError;

const PERCENT_ENCODE =
  'percent-encode the password (and the user name): in them, "%" is %25, "/" is %2F, "?" is %3F, "#" is %23, "@" is %40';

export function refusalOf(variable: string): Refuse {
  return (problem) => new UsageError(`${variable} cannot be used: ${problem}.`);
}

/**
 * Takes an address apart. Stricter than `URL`, which reads `postgres://user:2024/rest@host/db` as the host `user`: what
 * might be a piece of a password never becomes another part.
 *
 * @param example what a right one looks like
 * @throws UsageError that names the part and the fix, without any text of the address
 */
export function splitAddress(
  address: string,
  schemes: readonly string[],
  example: string,
  refuse: Refuse,
): AddressParts {
  const text = address.trim();
  if (/^["'`]/.test(text)) throw refuse('it begins with a quotation mark: leave the quotation marks out');
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text) ?? [];
  if (!schemes.includes(scheme.toLowerCase())) {
    throw refuse(`it must begin with ${schemes.map((name) => `${name}://`).join(' or ')}, as in ${example}`);
  }
  const [authority = '', tail = ''] = split(rest, rest.search(/[/?#]/));
  // Where an "@" follows, all before it may be a password that was not encoded.
  if (tail.includes('@')) throw refuse(`there is an "@" after the first "/", "?" or "#": ${PERCENT_ENCODE}`);
  if (tail.includes('#')) throw refuse(`there is a "#" in it: ${PERCENT_ENCODE}`);
  const at = authority.lastIndexOf('@');
  const credentials = authority.slice(0, Math.max(at, 0));
  const [user = '', password] = split(credentials, credentials.indexOf(':'), 1);
  const [path = '', query] = split(tail, tail.indexOf('?'), 1);
  return {
    scheme: scheme.toLowerCase(),
    user: decode(user, 'the user name', refuse),
    password: password === undefined ? undefined : decode(password, 'the password', refuse),
    ...splitPlace(authority.slice(at + 1), refuse),
    path,
    parameters: readParameters(query ?? '', refuse),
  };
}

/** @throws UsageError where `text` is no percent-encoded UTF-8 */
export function decode(text: string, part: string, refuse: Refuse): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    const fix = part === 'the user name' || part === 'the password' ? PERCENT_ENCODE : 'a "%" itself is written %25';
    // The error of decodeURIComponent is not kept.
    throw refuse(`${part} has a "%" that two hexadecimal digits of a character do not follow: ${fix}`);
  }
  if (decoded.includes('\0')) throw refuse(`${part} holds a NUL character`);
  return decoded;
}

/** @throws UsageError unless `text` is a port */
export function readPort(text: string, refuse: Refuse): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw refuse(`the port is no number from 1 to 65535; if it is a piece of a password, ${PERCENT_ENCODE}`);
}

/** @throws UsageError unless `text` can be a host name or an IP address */
export function readHost(text: string, refuse: Refuse): string {
  if (text.includes(',')) throw refuse('it names several hosts: name one, or a name that follows the primary');
  if (/^[\p{L}\p{N}._-]*$/u.test(text) || isIPv6(text)) return text;
  throw refuse(`the host is neither a name nor an IP address (an IPv6 address is written [::1]); ${PERCENT_ENCODE}`);
}

/** Refuses a parameter that is not supported, by its name. */
export function refuseParameter(name: string, value: string, known: readonly string[], refuse: Refuse): UsageError {
  // A piece of a password may look like a parameter, so only a usual name without an address behind it is shown.
  const shown =
    /^[a-z][a-z0-9_.-]{0,40}$/i.test(name) && !value.includes('@') ? `the parameter ${name}` : 'a parameter';
  return refuse(`it has ${shown} that detoxq does not know: leave it out (it knows ${known.join(', ')})`);
}

/** Host and port for messages: `db:5432`, `[::1]:5432`. */
export function describePlace(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function splitPlace(place: string, refuse: Refuse): { host: string; port: number | undefined } {
  if (place.includes(',')) throw refuse('it names several hosts: name one, or a name that follows the primary');
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(place);
  if (bracketed === null && place.split(':').length > 2) {
    throw refuse('the host has several ":": an IPv6 address is written [::1], and a ":" in a user name is %3A');
  }
  const [host = '', port] = bracketed?.slice(1) ?? split(place, place.indexOf(':'), 1);
  const decoded = decode(host, 'the host', refuse);
  if (bracketed !== null && !isIPv6(decoded)) throw refuse('the host in brackets is no IPv6 address');
  return {
    // A socket: `%2Fvar%2Frun%2Fpostgresql`.
    host: decoded.startsWith('/') ? decoded : readHost(decoded, refuse),
    port: port === undefined || port === '' ? undefined : readPort(port, refuse),
  };
}

function readParameters(query: string, refuse: Refuse): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const parameter of query.split('&')) {
    if (parameter === '') continue;
    const [rawName = '', rawValue] = split(parameter, parameter.indexOf('='), 1);
    if (rawValue === undefined) throw refuse('a parameter after the "?" has no "=" and no value');
    const name = decode(rawName, 'the name of a parameter', refuse);
    const value = decode(rawValue, 'the value of a parameter', refuse);
    if (parameters.has(name)) throw refuse('one of its parameters stands twice: leave one of them out');
    parameters.set(name, value);
  }
  return parameters;
}

/** The text before `at`, and from there on, less `skip` characters; the text alone where `at` is -1. */
function split(text: string, at: number, skip = 0): string[] {
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + skip)];
}
