import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** A repository of the test's own. Files named in `large` are kept as a hub keeps LFS files: elsewhere, with a sha256. */
export interface HubRepository {
  readonly commit: string;
  readonly files: Readonly<Record<string, Uint8Array | string>>;
  readonly large?: readonly string[];
  readonly revisions?: Readonly<Record<string, string>>;
  /** Who may read it; everybody if absent. */
  readonly token?: string;
  readonly gated?: boolean;
  readonly baseModel?: string;
  /** False: as mirrors do that say no sizes and checksums in their list of files. */
  readonly blobs?: boolean;
  /** Sizes that are listed and are not true. */
  readonly sizes?: Readonly<Record<string, number>>;
}

export interface HubRequest {
  /** `hub` or `cdn`. */
  readonly at: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly status: number;
}

export interface HubServer {
  readonly endpoint: string;
  readonly cdn: string;
  readonly requests: HubRequest[];
  readonly repositories: Map<string, HubRepository>;
  readonly moved: Map<string, string>;
  /** Asked for each answer with bytes of a file; may spoil it. */
  spoil: (file: string, nth: number) => Spoiled;
  /** Forgets requests, repositories and what was spoiled. */
  reset(): void;
  close(): Promise<void>;
}

export interface Spoiled {
  /** The connection breaks after this many bytes. */
  readonly breakAfter?: number;
  /** … and when this comes: a client drops what it has not read when the connection breaks. */
  readonly breakWhen?: Promise<unknown>;
  /** Answers with this status instead. */
  readonly status?: number;
  /** The first byte is another one. */
  readonly corrupt?: boolean;
  /** Ranges are not understood. */
  readonly noRanges?: boolean;
  /** A promise that the answer waits for. */
  readonly wait?: Promise<unknown>;
}

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
const blobId = (data: Uint8Array) => createHash('sha1').update(`blob ${data.length}\0`).update(data).digest('hex');

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

/** A server with the layout of a model hub, and another one on a port of its own where its large files lie. */
export async function startHub(): Promise<HubServer> {
  const requests: HubRequest[] = [];
  const repositories = new Map<string, HubRepository>();
  const moved = new Map<string, string>();
  const counts = new Map<string, number>();
  const answer = (work: (request: IncomingMessage, response: ServerResponse) => Promise<void>, at: string) =>
    createServer((request, response) => {
      response.on('close', () => {
        requests.push({ at, url: request.url ?? '', headers: request.headers, status: response.statusCode });
      });
      work(request, response).catch(() => response.destroy());
    });

  function fail(response: ServerResponse, status: number, code: string): void {
    response.writeHead(status, { 'x-error-code': code }).end(code);
  }

  function contentOf(id: string, file: string): Buffer | null {
    const content = repositories.get(id)?.files[file];
    return content === undefined ? null : Buffer.from(content);
  }

  async function send(request: IncomingMessage, response: ServerResponse, id: string, file: string): Promise<void> {
    const whole = contentOf(id, file);
    if (whole === null) return fail(response, 404, 'EntryNotFound');
    const nth = counts.get(`${id}/${file}`) ?? 0;
    counts.set(`${id}/${file}`, nth + 1);
    const spoiled = server.spoil(file, nth);
    await spoiled.wait;
    if (spoiled.status !== undefined) return fail(response, spoiled.status, '');
    const etag = `"${sha256(whole).slice(0, 20)}"`;
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const condition = request.headers['if-range'];
    const from = range && !spoiled.noRanges && (condition === undefined || condition === etag) ? Number(range[1]) : 0;
    if (from >= whole.length && whole.length > 0) return fail(response, 416, '');
    const body = Buffer.from(whole.subarray(from));
    if (spoiled.corrupt && body.length > 0) body[0]! ^= 1;
    response.writeHead(from > 0 ? 206 : 200, {
      etag,
      'content-length': body.length,
      'x-repo-commit': repositories.get(id)?.commit ?? '',
      ...(from > 0 ? { 'content-range': `bytes ${from}-${whole.length - 1}/${whole.length}` } : {}),
    });
    if (spoiled.breakAfter === undefined) response.end(body);
    else {
      response.write(body.subarray(0, spoiled.breakAfter));
      await spoiled.breakWhen;
      response.destroy();
    }
  }

  async function hub(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '');
    const api = /^\/api\/models\/(.+?)\/(?:revision\/(.+)|(refs))$/.exec(path);
    const resolve = /^\/(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const id = api?.[1] ?? resolve?.[1] ?? '';
    const target = moved.get(id);
    if (target !== undefined) {
      response.writeHead(307, { location: (request.url ?? '').replace(id, target) }).end();
      return;
    }
    const repository = repositories.get(id);
    if (!repository) return fail(response, 401, 'RepoNotFound');
    if (repository.token !== undefined && request.headers.authorization !== `Bearer ${repository.token}`) {
      return fail(response, 401, repository.gated ? 'GatedRepo' : 'RepoNotFound');
    }
    if (api?.[3]) {
      const branches = Object.keys(repository.revisions ?? { main: '' }).map((name) => ({ name }));
      response.end(JSON.stringify({ branches, tags: [] }));
      return;
    }
    if (api) {
      const revision = api[2] ?? '';
      const known = repository.revisions ?? { main: repository.commit };
      const commit = revision === repository.commit ? revision : known[revision];
      if (commit === undefined) return fail(response, 404, 'RevisionNotFound');
      const siblings = Object.keys(repository.files).map((rfilename) => {
        const data = contentOf(id, rfilename) ?? Buffer.alloc(0);
        if (repository.blobs === false) return { rfilename };
        const large = repository.large?.includes(rfilename);
        const size = repository.sizes?.[rfilename] ?? data.length;
        const lfs = large ? { lfs: { sha256: sha256(data), size, pointerSize: 130 } } : {};
        return { rfilename, size, blobId: blobId(data), ...lfs };
      });
      response.end(JSON.stringify({ id, sha: commit, siblings, cardData: { base_model: repository.baseModel } }));
      return;
    }
    const file = resolve?.[3] ?? '';
    if (!repository.large?.includes(file)) return send(request, response, id, file);
    response
      .writeHead(302, {
        location: `${server.cdn}/${id}/${file}?signature=secret`,
        'x-linked-etag': `"${sha256(contentOf(id, file) ?? Buffer.alloc(0))}"`,
        'x-repo-commit': repository.commit,
      })
      .end();
  }

  async function cdn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const id = [...repositories.keys()].find((known) => path.startsWith(`/${known}/`)) ?? '';
    // As object stores do: a second way of saying who one is, beside the signature, is an error.
    if (request.headers.authorization !== undefined) return fail(response, 400, '');
    await send(request, response, id, path.slice(id.length + 2));
  }

  const hubServer = answer(hub, 'hub');
  const cdnServer = answer(cdn, 'cdn');
  const server: HubServer = {
    endpoint: await listen(hubServer),
    cdn: await listen(cdnServer),
    requests,
    repositories,
    moved,
    spoil: () => ({}),
    reset() {
      requests.length = 0;
      for (const map of [repositories, moved, counts]) map.clear();
      server.spoil = () => ({});
    },
    async close() {
      for (const one of [hubServer, cdnServer]) {
        one.closeAllConnections();
        one.close();
        await once(one, 'close');
      }
    },
  };
  return server;
}
