import { HubError, UsageError } from '../contract/errors.ts';
import { isCommit, isHubId, parseHubName } from '../engine/index.ts';
import type { Answer, Http } from './http.ts';

export interface HubFile {
  readonly name: string;
  /** In bytes; null if the hub does not say. */
  readonly size: number | null;
  /** Of the content, if the hub says it. A large file (LFS) has a sha256, every other file a Git blob id. */
  readonly sha256: string | null;
  readonly blobId: string | null;
}

/** A repository at one commit. */
export interface Repository {
  /** Its present name on the hub. */
  readonly id: string;
  readonly commit: string;
  readonly files: readonly HubFile[];
  /** `base_model` of its model card. */
  readonly baseModels: readonly string[];
}

/** Answers of the API are much smaller. */
const MAX_JSON_BYTES = 32 << 20;

/**
 * Requests a repository at a revision: `GET /api/models/{id}/revision/{revision}?blobs=true`.
 *
 * @throws UsageError for a repository or revision that does not exist, HubError for one without access
 */
export async function getRepository(http: Http, endpoint: string, id: string, revision: string): Promise<Repository> {
  const url = `${endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const { answer, data } = await http.retrying(async () => {
    const answer = await http.get(url);
    if (!answer.response.ok) throw await refusal(http, endpoint, { id, revision, answer });
    return { answer, data: await readJson(http, answer) };
  });
  const commit = data.sha;
  if (typeof commit !== 'string' || !isCommit(commit) || !Array.isArray(data.siblings)) {
    throw new HubError(`${answer.host} does not answer as a model hub does: check HF_ENDPOINT (${endpoint})`);
  }
  return {
    // The id becomes part of addresses and messages, so anything else than a name of a hub is ignored.
    id: typeof data.id === 'string' && isHubId(data.id) ? data.id : id,
    commit,
    files: data.siblings.flatMap(readFile),
    baseModels: readBaseModels(data.cardData),
  };
}

interface Refused {
  readonly id: string;
  readonly revision: string;
  readonly answer: Answer;
}

/**
 * `X-Error-Code` tells the meaning of a status: without a token, a hub answers 401 also for a repository that does not exist.
 */
export async function refusal(http: Http, endpoint: string, { id, revision, answer }: Refused): Promise<Error> {
  const { status, headers } = answer.response;
  await answer.response.body?.cancel();
  const code = headers.get('x-error-code');
  if (code === 'RevisionNotFound') {
    const known = await revisions(http, endpoint, id);
    return new UsageError(
      `${id} has no revision ${JSON.stringify(revision)}${known.length > 0 ? `; it has ${known.join(', ')}` : ''}.`,
    );
  }
  if (code === 'GatedRepo') {
    return new HubError(
      `${id} is gated: accept its terms at ${endpoint}/${id} and give a token of that account in HF_TOKEN (status ${status}).`,
    );
  }
  if (status === 404 || code === 'RepoNotFound') {
    return new UsageError(
      `${answer.host} has no model ${id}${status === 401 ? ', or it is private and HF_TOKEN is missing or not valid' : ''}.`,
    );
  }
  if (status === 401 || status === 403) {
    return new HubError(
      `${answer.host} does not let us read ${id} (status ${status}): set HF_TOKEN to a token that may, or check the one that is set.`,
    );
  }
  return new HubError(`${answer.host} refuses ${id} with status ${status}.`);
}

/** The first few branches and tags; empty if the hub does not say. */
async function revisions(http: Http, endpoint: string, id: string): Promise<string[]> {
  try {
    const answer = await http.get(`${endpoint}/api/models/${id}/refs`);
    if (!answer.response.ok) return [];
    const { branches, tags } = await readJson(http, answer);
    return [branches, tags]
      .flatMap((list) => (Array.isArray(list) ? list : []))
      .flatMap((ref: unknown) =>
        isRecord(ref) && typeof ref.name === 'string' && parseHubName(`any@${ref.name}`) ? [ref.name] : [],
      )
      .slice(0, 8);
  } catch {
    return [];
  }
}

async function readJson(http: Http, answer: Answer): Promise<Record<string, unknown>> {
  const { host } = answer;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of http.read(answer)) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_JSON_BYTES) break;
  }
  if (bytes > MAX_JSON_BYTES) throw new HubError(`${host} answers with more than ${MAX_JSON_BYTES} bytes of JSON`);
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (isRecord(value)) return value;
  } catch (cause) {
    throw new HubError(`${host} does not answer with JSON: is there a login page or a proxy in between?`, { cause });
  }
  throw new HubError(`${host} does not answer as a model hub does`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readFile(value: unknown): HubFile[] {
  if (!isRecord(value) || typeof value.rfilename !== 'string') return [];
  const lfs = isRecord(value.lfs) ? value.lfs : {};
  const size = [lfs.size, value.size].find((n) => Number.isSafeInteger(n));
  return [
    {
      name: value.rfilename,
      size: typeof size === 'number' && size >= 0 ? size : null,
      sha256: hexOrNull(lfs.sha256 ?? lfs.oid, 64),
      blobId: isRecord(value.lfs) ? null : hexOrNull(value.blobId, 40),
    },
  ];
}

function hexOrNull(value: unknown, length: number): string | null {
  return typeof value === 'string' && value.length === length && /^[0-9a-f]+$/.test(value) ? value : null;
}

function readBaseModels(card: unknown): string[] {
  if (!isRecord(card)) return [];
  const value = card.base_model;
  return (Array.isArray(value) ? value : [value]).filter((name) => typeof name === 'string' && isHubId(name));
}
