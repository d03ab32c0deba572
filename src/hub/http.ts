import { setTimeout as sleep } from 'node:timers/promises';
import { EnvHttpProxyAgent, fetch, type Response } from 'undici';
import { HubError, UsageError } from '../contract/errors.ts';
import { createAddressGuard } from './address-guard.ts';

export interface HttpOptions {
  /** The token is sent to this origin only. */
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly httpProxy: string | undefined;
  readonly httpsProxy: string | undefined;
  readonly noProxy: string | undefined;
  /** First pause before another attempt; it doubles each time. Default 500 ms. */
  readonly retryDelayMs?: number;
  /** A connection counts as broken after this much silence. Default 30 s. */
  readonly silenceMs?: number;
}

export interface Answer {
  /** The response after redirects. */
  readonly response: Response;
  /** Headers of the endpoint's own answer, before it redirected. They describe the file. */
  readonly first: Response['headers'];
  /** Host that answered last, for messages. */
  readonly host: string;
}

/** A client of one hub. */
export interface Http {
  /** One GET that follows redirects. @throws Unreachable for a broken connection, HubError for a redirect that is refused */
  get(url: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** Bytes of an answer as they come. @throws Unreachable if the connection breaks, or is too slow to make progress */
  read(answer: Answer): AsyncGenerator<Uint8Array>;
  /**
   * Repeats `work` while it fails with `Unreachable`. Pauses grow. The count starts again when `moved()` says that something
   * came through.
   */
  retrying<T>(work: () => Promise<T>, moved?: () => boolean): Promise<T>;
  close(): Promise<void>;
}

/** The connection failed, or the server has a temporary problem. Another attempt may succeed. */
export class Unreachable extends HubError {
  /** Pause that the server asked for (Retry-After), or null. */
  readonly retryAfterMs: number | null;
  constructor(message: string, options: { readonly cause?: unknown; readonly retryAfterMs?: number | null } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

const MAX_REDIRECTS = 8;
const TRIES = 6;
const LONGEST_PAUSE_MS = 30_000;
/** Least number of bytes in twice the time of a silence. A byte now and then is not progress. */
const LEAST_BYTES = 16 << 10;

/** @throws UsageError for unusable settings, with the name of their variable, but never their value */
export function createHttp(options: HttpOptions): Http {
  const { endpoint, token, retryDelayMs = 500, silenceMs = 30_000 } = options;
  const address = webAddress('HF_ENDPOINT', endpoint);
  const home = address.origin;
  const guard = createAddressGuard(address);
  // The address is shown in messages. If an "@" follows later, the text before it may be a password that was not encoded.
  if (/[@?#]/.test(endpoint)) {
    throw new UsageError(
      'HF_ENDPOINT must not contain user and password (and no "?" or "#"): a token for the hub goes into HF_TOKEN.',
    );
  }
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new UsageError('HF_TOKEN has characters that no token has: is there a space or a line break in it?');
  }
  // An empty string, because otherwise the agent would read the environment itself.
  const dispatcher = new EnvHttpProxyAgent({
    httpProxy: proxyAddress('HTTP_PROXY', options.httpProxy),
    httpsProxy: proxyAddress('HTTPS_PROXY', options.httpsProxy),
    noProxy: options.noProxy ?? '',
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    connect: { timeout: Math.min(silenceMs, 10_000), lookup: guard.lookup },
  });

  async function once(url: URL, headers: Readonly<Record<string, string>>): Promise<Response> {
    const authorization = token !== undefined && url.origin === home ? { authorization: `Bearer ${token}` } : {};
    try {
      return await fetch(url, {
        dispatcher,
        redirect: 'manual',
        headers: { 'user-agent': 'detoxq', 'accept-encoding': 'identity', ...headers, ...authorization },
      });
    } catch (cause) {
      const refused = refusalIn(cause);
      if (refused !== null) throw refused;
      throw new Unreachable(`${url.host} cannot be reached (${reason(cause)})`, { cause });
    }
  }

  async function get(start: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    let url = new URL(start);
    let first: Response['headers'] | undefined;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await once(url, headers);
      // A repository that has moved redirects within its host. The headers that describe the file come after that.
      if (url.origin === home || first === undefined) first = response.headers;
      const location = response.headers.get('location');
      if (response.status < 300 || response.status > 399 || location === null) {
        if (isTrouble(response.status)) {
          await response.body?.cancel();
          throw new Unreachable(`${url.host} answers with status ${response.status}`, {
            retryAfterMs: retryAfter(response.headers.get('retry-after')),
          });
        }
        return { response, first, host: url.host };
      }
      await response.body?.cancel();
      const next = URL.canParse(location, url.href) ? new URL(location, url) : null;
      if (next === null || !['http:', 'https:'].includes(next.protocol)) {
        throw new HubError(`${url.host} redirects to something that is not a web address`);
      }
      if (url.protocol === 'https:' && next.protocol === 'http:') {
        throw new HubError(`${url.host} redirects to ${next.host} without encryption: refused`);
      }
      guard.check(next);
      url = next;
    }
    throw new HubError(`${url.host} redirects more than ${MAX_REDIRECTS} times`);
  }

  async function retrying<T>(work: () => Promise<T>, moved: () => boolean = () => false): Promise<T> {
    for (let failures = 0; ; ) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        failures = moved() ? 1 : failures + 1;
        if (failures >= TRIES) throw error;
        const pause = Math.min(LONGEST_PAUSE_MS, retryDelayMs * 2 ** (failures - 1));
        await sleep(Math.max(pause, Math.min(LONGEST_PAUSE_MS, error.retryAfterMs ?? 0)));
      }
    }
  }

  async function* read({ response, host }: Answer): AsyncGenerator<Uint8Array> {
    let since = performance.now();
    let bytes = 0;
    try {
      for await (const chunk of response.body ?? []) {
        yield chunk;
        bytes += chunk.length;
        const now = performance.now();
        if (bytes >= LEAST_BYTES) [since, bytes] = [now, 0];
        else if (now - since > 2 * silenceMs) {
          throw new Unreachable(`${host} sends less than ${LEAST_BYTES >> 10} KiB in ${Math.round(silenceMs / 500)} s`);
        }
      }
    } catch (cause) {
      if (cause instanceof Unreachable) throw cause;
      throw new Unreachable(`the connection to ${host} broke (${reason(cause)})`, { cause });
    }
  }

  return { get, read, retrying, close: () => dispatcher.destroy() };
}

/** The error of the address guard, below the "fetch failed" of the library. */
function refusalIn(error: unknown): HubError | null {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof HubError) return at;
  }
  return null;
}

function webAddress(variable: string, value: string): URL {
  if (/^https?:\/\//i.test(value) && URL.canParse(value)) return new URL(value);
  throw new UsageError(`${variable} must be an address that begins with http:// or https://.`);
}

/** Like curl, this treats a proxy without a scheme as an HTTP proxy. */
function proxyAddress(variable: string, value: string | undefined): string {
  if (value === undefined) return '';
  const address = webAddress(variable, value.includes('://') ? value : `http://${value}`);
  const { pathname, search, hash, username, password } = address;
  if ((pathname !== '/' && pathname !== '') || `${search}${hash}` !== '' || !isEncoded(`${username}:${password}`)) {
    throw new UsageError(
      `${variable} must be of the form http://user:password@host:port. Percent-encode the password: in it, "%" is %25, ` +
        '"/" is %2F, "?" is %3F, "#" is %23, "@" is %40.',
    );
  }
  return address.href;
}

function isEncoded(text: string): boolean {
  try {
    return decodeURIComponent(text) !== '';
  } catch {
    return false;
  }
}

function isTrouble(status: number): boolean {
  return status >= 500 || status === 408 || status === 429;
}

function retryAfter(header: string | null): number | null {
  const seconds = Number(header);
  return header !== null && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}

/** The system's code for a broken connection. undici hides it below "fetch failed". */
function reason(error: unknown): string {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof AggregateError && at.errors[0] instanceof Error) return reason(at.errors[0]);
    if ('code' in at && typeof at.code === 'string') return at.code;
    if (at.cause === undefined) return at.message;
  }
  return 'unknown reason';
}
