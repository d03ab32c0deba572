import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { stopServices } from '../../src/services/lease.ts';

export const quiet = { debug() {}, info() {}, warn() {}, error() {} };
export const searchPath = process.env.PATH ?? '';

/** PATH without any redis-server. */
export const emptyPath = '/nonexistent';

export interface Urls {
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
}

/** A command that uses services, in a process of its own. */
export interface Owner extends Urls {
  readonly process: ChildProcess;
  /** The next line it prints. */
  line(): Promise<string>;
  /** Ends it in peace; resolves when it is gone. */
  end(): Promise<void>;
  kill(): Promise<void>;
}

export interface TestHome {
  readonly home: string;
  /** Owners run as `uid` if given. */
  owner(options?: { path?: string; uid?: number; detached?: boolean }): Promise<Owner>;
  /** Kills every owner, waits for the services to end, removes the folder. */
  remove(): Promise<void>;
}

export function createTestHome(uid?: number): TestHome {
  const home = mkdtempSync(join(tmpdir(), 'detoxq-services-'));
  if (uid !== undefined) chownSync(home, uid, uid);
  const owners: Owner[] = [];
  return {
    home,
    async owner(options = {}) {
      const owner = await startOwner(home, options);
      owners.push(owner);
      return owner;
    },
    async remove() {
      await Promise.all(owners.map((owner) => owner.kill()));
      await stopServices(home);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function startOwner(
  home: string,
  { path = searchPath, uid, detached = false }: { path?: string; uid?: number; detached?: boolean },
): Promise<Owner> {
  const program = fileURLToPath(new URL('./services-owner.ts', import.meta.url));
  const child = spawn(process.execPath, [program, home, path], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let errors = '';
  child.stderr.on('data', (data) => {
    errors += String(data);
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done) throw new Error(`The owner ended: ${errors}`);
    return next.value;
  };
  const urls: Urls = JSON.parse(await line());
  return {
    ...urls,
    process: child,
    line,
    async end() {
      child.stdin.end();
      await exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Runs one statement and gives back its first row. */
export async function query(databaseUrl: string, sql: string): Promise<Record<string, unknown> | undefined> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows[0];
  } finally {
    await client.end();
  }
}

/** Process id of the Postgres or Redis that the home remembers. */
export function serverPid(home: string, name: 'postgres' | 'redis'): number {
  return JSON.parse(readFileSync(join(home, 'services', `${name}.json`), 'utf8')).process.pid;
}

/** Process id of the keeper that runs, or ran last. */
export function keeperPid(home: string): number {
  const record = readdirSync(join(home, 'services')).find((name) => /^keeper\.\d+$/.test(name)) ?? 'keeper.1';
  return JSON.parse(readFileSync(join(home, 'services', record), 'utf8')).process.pid;
}

/** Resolves when the server at the URL closes a connection that is open now: when it ends. */
export async function watchEnd(url: string): Promise<{ readonly ended: Promise<void> }> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  socket.on('error', () => {});
  socket.resume();
  return { ended: once(socket, 'close').then(() => {}) };
}

/** Sends inline commands to Redis and gives back the reply to the last one. */
export async function redis(redisUrl: string, commands: readonly string[]): Promise<string> {
  const { hostname, port, password } = new URL(redisUrl);
  const socket = connect({ host: hostname, port: Number(port) });
  const all = password === '' ? commands : [`AUTH ${password}`, ...commands];
  for (const command of [...all, 'QUIT']) socket.write(`${command}\r\n`);
  let reply = '';
  for await (const data of socket) reply += String(data);
  return reply.trim().split('\r\n').slice(0, -1).at(-1) ?? '';
}
