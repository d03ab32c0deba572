import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HubError } from '../contract/errors.ts';
import { makeFolder } from '../contract/make-folder.ts';
import { type Answer, type Http, Unreachable } from './http.ts';
import { formatLimit, leaveSpare, SPACE_CHECK_BYTES } from './limits.ts';
import { type HubFile, type Repository, refusal } from './repository.ts';

interface DownloadRequest {
  readonly http: Http;
  readonly endpoint: string;
  readonly repository: Repository;
  readonly file: HubFile;
  /** Folder of the file. Until the file is whole, it is named `<name>.part`. */
  readonly folder: string;
  /** Largest size that the file may have, whatever size the hub gives. */
  readonly mostBytes: number;
  /** Bytes that came (positive), or bytes on the disk that are useless (negative). */
  readonly onBytes: (count: number) => void;
}

export interface Downloaded {
  readonly size: number;
  /** Of the whole file on the disk. */
  readonly sha256: string;
}

/** If a file fails its checksum twice, the network is not the cause. */
const TRIES_FOR_CHECKSUM = 2;
/** Fewer bytes do not count as progress. A connection may break any number of times as long as it brings more. */
const LEAST_PROGRESS_BYTES = 4 << 10;

/**
 * Fetches one file of a commit. A broken download continues where it broke (Range), also in a later call that finds the
 * `.part`. The whole file is checked against the size and the sha256 or Git blob id from the hub, and gets its name only
 * then.
 *
 * @throws HubError if the hub cannot be reached in several attempts, or sends other bytes than it promised; the system's own
 *   error if the file cannot be written
 */
export async function download(request: DownloadRequest): Promise<Downloaded> {
  const { file, folder, repository, mostBytes } = request;
  if (file.size !== null && file.size > mostBytes) throw tooLarge(request, file.size);
  const target = join(folder, file.name);
  const part = `${target}.part`;
  makeFolder(dirname(target));
  const there = await hashesOf(target);
  if (there !== null && difference(file, file.sha256, there) === null) {
    request.onBytes(there.size);
    return { size: there.size, sha256: there.sha256 };
  }
  // Without a checksum, an old part cannot be matched to this file.
  if (file.sha256 === null && file.blobId === null) await rm(part, { force: true });

  const linked: { sha256: string | null } = { sha256: file.sha256 };
  for (let attempt = 1; ; attempt++) {
    await fetchRest(request, part, linked);
    const hashes = await hashesOf(part);
    if (hashes === null) throw new HubError(`${part} has gone while it was fetched`);
    const problem = difference(file, linked.sha256, hashes);
    if (problem === null) {
      const handle = await open(part, 'r+');
      await handle.sync();
      await handle.close();
      await rename(part, target);
      return { size: hashes.size, sha256: hashes.sha256 };
    }
    await rm(part, { force: true });
    request.onBytes(-hashes.size);
    if (attempt === TRIES_FOR_CHECKSUM) {
      throw new HubError(
        `${file.name} of ${repository.id} came ${TRIES_FOR_CHECKSUM} times with other content than the hub promised (${problem}). Nothing was kept of it.`,
      );
    }
  }
}

function tooLarge({ file, repository, mostBytes }: DownloadRequest, bytes: number | null): HubError {
  const has = bytes === null ? 'is larger than' : `has ${bytes} bytes, more than`;
  return new HubError(
    `${file.name} of ${repository.id} ${has} the ${formatLimit(mostBytes)} that it may take: refused`,
  );
}

function difference(file: HubFile, sha256: string | null, got: Hashes): string | null {
  if (file.size !== null && got.size !== file.size) return `${got.size} bytes instead of ${file.size}`;
  if (sha256 !== null && got.sha256 !== sha256) return `sha256 ${got.sha256} instead of ${sha256}`;
  if (file.blobId !== null && got.blobId !== file.blobId) return `Git blob ${got.blobId} instead of ${file.blobId}`;
  return null;
}

/** Appends to the part until the server says that it is whole. */
async function fetchRest(request: DownloadRequest, part: string, linked: { sha256: string | null }): Promise<void> {
  const { http, endpoint, repository, file, onBytes } = request;
  const path = file.name.split('/').map(encodeURIComponent).join('/');
  const url = `${endpoint}/${repository.id}/resolve/${repository.commit}/${path}`;
  let etag: string | null = null;
  // A server without ranges starts again each time. Only new bytes count as progress.
  let furthest = 0;
  let moved = false;
  let counted = 0;
  const limit = file.size ?? request.mostBytes;
  const over = (host: string) =>
    file.size === null
      ? tooLarge(request, null)
      : new HubError(`${host} sends more of the file than the ${file.size} bytes that it promised`);

  await http.retrying(
    async () => {
      moved = false;
      const have = await sizeOf(part);
      onBytes(have - counted);
      counted = have;
      furthest = Math.max(furthest, have);
      if (have > 0 && have === file.size) return;
      const range = have > 0 ? { range: `bytes=${have}-`, ...(etag ? { 'if-range': etag } : {}) } : {};
      const answer = await http.get(url, range);
      checkFirst(answer, repository, linked);
      if (answer.response.status === 416) {
        await answer.response.body?.cancel();
        await rm(part, { force: true });
        throw new Unreachable(`${answer.host} has less of ${file.name} than there was`);
      }
      if (!answer.response.ok) {
        throw await refusal(http, endpoint, { id: repository.id, revision: repository.commit, answer });
      }
      const from = startOf(answer, have);
      const strong = answer.response.headers.get('etag');
      etag = strong?.startsWith('"') ? strong : null;
      onBytes(from - counted);
      counted = from;
      checkEncoding(answer);
      const declared = Number(answer.response.headers.get('content-length') ?? 0);
      if (from + declared > limit) {
        await answer.response.body?.cancel();
        throw over(answer.host);
      }
      await append(answer, { http, part, from, limit, size: file.size, over }, (count) => {
        counted += count;
        // Otherwise a few bytes per connection could go on for ever.
        if (counted > furthest + LEAST_PROGRESS_BYTES) moved = true;
        onBytes(count);
      });
    },
    () => moved,
  );
}

/** What the hub itself says about the file, before it redirects to the bytes. */
function checkFirst({ first, host }: Answer, repository: Repository, linked: { sha256: string | null }): void {
  const commit = first.get('x-repo-commit');
  if (commit !== null && commit !== repository.commit) {
    throw new HubError(`${host} answers with commit ${commit} instead of ${repository.commit}`);
  }
  const etag = (first.get('x-linked-etag') ?? '').replaceAll('"', '');
  if (linked.sha256 === null && /^[0-9a-f]{64}$/.test(etag)) linked.sha256 = etag;
}

/** Position of the first byte of an answer: 0 if the server sends the whole file, whatever range was requested. */
function startOf({ response, host }: Answer, asked: number): number {
  if (response.status !== 206) return 0;
  const match = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  if (Number(match?.[1]) !== asked) throw new HubError(`${host} sends another part of the file than it was asked for`);
  return asked;
}

/**
 * Requests the bytes without compression. Compressed bytes could expand a thousandfold, and the checksums are not for them.
 */
function checkEncoding({ response, host }: Answer): void {
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  if (encoding === 'identity' || encoding === '') return;
  void response.body?.cancel();
  throw new HubError(`${host} sends a file with a Content-Encoding, which it was asked not to: refused`);
}

interface Target {
  readonly http: Http;
  readonly part: string;
  readonly from: number;
  readonly limit: number;
  /** As the hub promised it, or null. */
  readonly size: number | null;
  readonly over: (host: string) => HubError;
}

async function append(answer: Answer, target: Target, onBytes: (count: number) => void) {
  const { response, host } = answer;
  const { http, part, from, limit, size, over } = target;
  const expected = response.headers.get('content-length');
  const handle = await open(part, from === 0 ? 'w' : 'r+');
  let at = from;
  try {
    let checked = at;
    for await (const chunk of http.read(answer)) {
      if (at + chunk.length > limit) throw over(host);
      // If the size is known, the free space was checked before.
      if (size === null && at - checked > SPACE_CHECK_BYTES) {
        checked = at;
        await leaveSpare(part);
      }
      await write(handle, chunk, at);
      at += chunk.length;
      onBytes(chunk.length);
    }
  } finally {
    await handle.close();
  }
  const short = (size !== null && at < size) || (expected !== null && at - from < Number(expected));
  if (short) throw new Unreachable(`the connection to ${host} ended before the file did`);
}

async function write(handle: Awaited<ReturnType<typeof open>>, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await handle.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
  }
}

interface Hashes extends Downloaded {
  /** As `git hash-object` computes it. */
  readonly blobId: string;
}

async function sizeOf(file: string): Promise<number> {
  const stats = await stat(file).catch(() => null);
  return stats?.isFile() ? stats.size : 0;
}

async function hashesOf(file: string): Promise<Hashes | null> {
  const stats = await stat(file).catch(() => null);
  if (!stats?.isFile()) return null;
  const sha256: Hash = createHash('sha256');
  const blob = createHash('sha1').update(`blob ${stats.size}\0`);
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    sha256.update(chunk);
    blob.update(chunk);
  }
  return { size: stats.size, sha256: sha256.digest('hex'), blobId: blob.digest('hex') };
}
