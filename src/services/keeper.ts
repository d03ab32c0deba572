import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, fstatSync, ftruncateSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '../contract/errors.ts';
import { isSystemError } from '../contract/file-errors.ts';
import { errorText, readJson, type ServicesFolder, servicesFolder, startText, writeJson } from './folder.ts';
import {
  CLAIMED,
  type KeeperOptions,
  type KeeperReply,
  type KeeperRequest,
  MAX_REQUEST,
  type Needs,
  TAKEN,
} from './keeper-protocol.ts';
import { claimKeeper } from './keeper-record.ts';
import { startPostgres } from './postgres-server.ts';
import { identifyProcess } from './process-identity.ts';
import { startRedis } from './redis-server.ts';
import type { Server } from './server.ts';

/*
 * The keeper is a process of its own, in a session of its own, one per home. The servers are its children.
 *
 *   started ──claim──▶ serving ──no lease left and not kept, or SIGTERM──▶ stopping ──servers gone──▶ ended
 *      └──────────────── another keeper was first ────────────────────────────────────────────────────▲
 *
 * Leases are connections, so it never asks whether a process lives, and nothing has to be cleaned up when one dies.
 * The first lease is its standard input: the command that started it may die before it connects.
 * In `serving`, a server starts when it is first needed, and again when it ends without being asked.
 * A keeper that is killed leaves its servers; the next one stops them before it starts its own (server.ts).
 */

type Kind = keyof Needs;

/** Pause before a restart, so that a server that crashes repeatedly does not take a core. */
const RESTART_DELAY_MS = 1_000;
/** Time for the first request of a connection. One that sends none is not a client of detoxq. */
const REQUEST_DEADLINE_MS = 10_000;
const MAX_LOG_BYTES = 1_000_000;

function createKeeper({ home, path }: KeeperOptions) {
  const folder = servicesFolder(home);
  const token = randomBytes(24).toString('base64url');
  const leases = new Set<object>();
  const connections = new Set<Socket>();
  const servers = new Map<Kind, Promise<Server | null>>();
  const urls: Record<Kind, string | null> = { postgres: null, redis: null };
  let kept = false;
  let stopping = false;

  const log = (text: string): void => console.error(`${new Date().toISOString()} ${text}`);

  async function launch(kind: Kind): Promise<Server | null> {
    const passwords = readPasswords(folder);
    return kind === 'postgres' ? startPostgres(folder, passwords.postgres) : startRedis(folder, passwords.redis, path);
  }

  function start(kind: Kind): Promise<Server | null> {
    const starting = launch(kind);
    servers.set(kind, starting);
    starting.then(
      (server) => {
        urls[kind] = server?.url ?? null;
        log(server === null ? `${kind}: no program found` : `${kind}: process ${server.pid} is ready`);
        if (server !== null) void server.ended.then(() => restart(kind, server.pid));
      },
      (error) => {
        servers.delete(kind);
        log(`${kind}: ${errorText(error)}`);
      },
    );
    return starting;
  }

  async function restart(kind: Kind, pid: number): Promise<void> {
    if (stopping) return;
    log(`${kind}: process ${pid} ended without being asked`);
    servers.delete(kind);
    urls[kind] = null;
    await delay(RESTART_DELAY_MS);
    if (stopping || servers.has(kind)) return;
    // Its failure is in the log, and the next command that needs the server is told.
    await start(kind).catch(() => {});
  }

  async function ensure(needs: Needs): Promise<void> {
    const kinds: Kind[] = ['postgres', 'redis'];
    const wanted = kinds.filter((kind) => needs[kind]);
    const results = await Promise.allSettled(wanted.map((kind) => servers.get(kind) ?? start(kind)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  const reply = (extra: Partial<KeeperReply> = {}): string =>
    `${JSON.stringify({
      databaseUrl: urls.postgres,
      redisUrl: urls.redis,
      leases: leases.size,
      kept,
      ...extra,
    } satisfies KeeperReply)}\n`;

  async function answer(socket: Socket, request: KeeperRequest): Promise<void> {
    if (stopping) {
      socket.write(reply({ stopping: true }));
      return;
    }
    if (request.op === 'stop') kept = false;
    if (request.op === 'lease' || request.op === 'keep') {
      leases.add(socket);
      try {
        await ensure(request.needs);
      } catch (error) {
        socket.write(reply({ error: startText(error, home), homeFault: isSystemError(error) }));
        return;
      }
    }
    if (request.op === 'keep') kept = true;
    socket.write(reply());
  }

  function receive(socket: Socket): void {
    let text = '';
    let answered = false;
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    socket.setEncoding('utf8');
    socket.setTimeout(REQUEST_DEADLINE_MS, () => socket.destroy());
    socket.on('data', (data: string) => {
      if (answered) return;
      text += data;
      if (text.length > MAX_REQUEST) socket.destroy();
      if (!text.includes('\n')) return;
      answered = true;
      socket.setTimeout(0);
      const request = parseRequest(text, token);
      if (request === null) socket.destroy();
      else void answer(socket, request);
    });
    socket.on('error', () => {});
    for (const event of ['end', 'close'] as const) {
      socket.on(event, () => {
        leave(socket);
        if (!stopping) socket.end();
      });
    }
  }

  function leave(lease: object): void {
    leases.delete(lease);
    settle();
  }

  function settle(): void {
    if (leases.size === 0 && !kept) void stop();
  }

  async function stop(): Promise<void> {
    if (stopping) return;
    stopping = true;
    // The last client keeps its connection until the servers are gone, and so knows what it waits for.
    for (const connection of connections) connection.write(reply({ stopping: true }));
    const started = await Promise.allSettled(servers.values());
    await Promise.all(started.map((result) => (result.status === 'fulfilled' ? result.value?.stop() : undefined)));
    log('stopped');
    process.exit(0);
  }

  return {
    async run(): Promise<void> {
      const self = identifyProcess(process.pid);
      if (self === null) throw new Error('This system does not tell when a process started.');
      leases.add(process.stdin);
      const server = createServer({ allowHalfOpen: true }, receive);
      server.listen({ host: '127.0.0.1', port: 0 });
      await once(server, 'listening');
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('No TCP port on 127.0.0.1.');
      if (!claimKeeper(folder.state, { process: self, port: address.port, token })) {
        process.stdout.write(TAKEN, () => process.exit(0));
        return;
      }
      if (fstatSync(2).size > MAX_LOG_BYTES) ftruncateSync(2);
      log(`keeper of ${home}: process ${process.pid}`);
      for (const event of ['end', 'error', 'close']) process.stdin.on(event, () => leave(process.stdin));
      process.stdin.resume();
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void stop());
      process.stdout.on('error', () => {});
      process.stdout.write(CLAIMED);
    },
    stop,
    log,
  };
}

function parseRequest(text: string, token: string): KeeperRequest | null {
  try {
    const request: KeeperRequest = JSON.parse(text);
    const given = Buffer.from(String(request.token));
    const right = Buffer.from(token);
    return given.length === right.length && timingSafeEqual(given, right) ? request : null;
  } catch {
    return null;
  }
}

/** Made once per home: the database keeps its password for good. */
function readPasswords(folder: ServicesFolder): { postgres: string; redis: string } {
  const path = join(folder.state, 'passwords.json');
  const stored = readJson(path);
  if (typeof stored === 'object' && stored !== null && 'postgres' in stored && 'redis' in stored) {
    return { postgres: String(stored.postgres), redis: String(stored.redis) };
  }
  if (existsSync(folder.postgresData)) {
    throw new ServiceError(
      `${path} is missing or broken, and the database in ${folder.postgresData} opens to its password only. ` +
        'Put the file back, or move the database away.',
    );
  }
  const made = { postgres: randomBytes(24).toString('base64url'), redis: randomBytes(24).toString('base64url') };
  writeJson(path, made);
  return made;
}

process.umask(0o077);
// On a full disk the log cannot be written, and that fault must not be logged, too.
process.stderr.on('error', () => {});
const keeper = createKeeper(JSON.parse(process.argv[2] ?? '{}'));
const fail = (error: unknown): void => {
  keeper.log(error instanceof Error ? String(error.stack) : String(error));
  void keeper.stop();
};
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
await keeper.run();
