import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { HomeError, ServiceError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import { errorText, logTail, makeStateFolder, type ServicesFolder, servicesFolder } from './folder.ts';
import {
  CLAIMED,
  type KeeperOptions,
  type KeeperReply,
  type KeeperRequest,
  type Needs,
  TAKEN,
} from './keeper-protocol.ts';
import { findKeeper, type KeeperRecord } from './keeper-record.ts';
import { isRunning, type ProcessIdentity } from './process-identity.ts';

/** The right to use a home's servers. */
interface Lease {
  readonly databaseUrl: string | null;
  readonly redisUrl: string | null;
  /** Gives it back. When no other process uses the servers, they stop, and the promise waits for that. */
  release(): Promise<void>;
}

export interface LeaseOptions {
  /** Absolute path of the home folder. */
  readonly home: string;
  /** PATH: where redis-server or valkey-server is looked for. */
  readonly path: string;
  readonly log: Log;
}

/** How long a stopping keeper may take to end: it gives its servers 30 s, all at the same time. */
const TURNOVER_DEADLINE_MS = 60_000;
const TURNOVER_POLL_MS = 20;

/** Starts the servers that are needed, or joins the commands that use them already. */
export async function leaseServices(options: LeaseOptions & { readonly needs: Needs }): Promise<Lease> {
  const { needs, log } = options;
  let released = false;
  let current = await converse(options, { op: 'lease', needs });
  const stay = (): void => {
    // A command may end without giving the lease back: the connection must not hold it.
    current.socket.unref();
    current.socket.once('close', () => {
      if (released) return;
      log.warn({ home: options.home }, 'the keeper of the embedded services is gone; starting another one');
      converse(options, { op: 'lease', needs }).then(
        (next) => {
          current = next;
          if (released) void hangUp(next);
          else stay();
        },
        (error: unknown) => log.error({ reason: errorText(error) }, 'the embedded services are gone'),
      );
    });
  };
  stay();
  const { databaseUrl, redisUrl } = current.reply;
  return {
    databaseUrl: needs.postgres ? databaseUrl : null,
    redisUrl: needs.redis ? redisUrl : null,
    async release() {
      released = true;
      await hangUp(current);
    },
  };
}

export type ServicesStatus = Pick<KeeperReply, 'databaseUrl' | 'redisUrl' | 'leases' | 'kept'>;

/** Starts the servers that are needed, and leaves them running until `stopServices`. */
export async function keepServices(options: LeaseOptions & { readonly needs: Needs }): Promise<ServicesStatus> {
  const { socket, reply } = await converse(options, { op: 'keep', needs: options.needs });
  socket.destroy();
  return reply;
}

/** Null when nothing runs. */
export async function servicesStatus(home: string): Promise<ServicesStatus | null> {
  const answer = await ask(home, { op: 'status' });
  answer?.socket.destroy();
  return answer === null || answer.isStopping() ? null : answer.reply;
}

/**
 * Takes `keepServices` back. Resolves when the servers are stopped, with 0, or at once with the number of commands
 * that still use them: then they stop when the last of those ends.
 */
export async function stopServices(home: string): Promise<number> {
  const answer = await ask(home, { op: 'stop' });
  if (answer === null) return 0;
  await hangUp(answer);
  return answer.isStopping() ? 0 : answer.reply.leases;
}

type Request = KeeperRequest extends infer R ? (R extends KeeperRequest ? Omit<R, 'token'> : never) : never;
interface Answer {
  readonly keeper: ProcessIdentity;
  readonly socket: Socket;
  readonly reply: KeeperReply;
  /** Whether the keeper has announced that it stops. */
  isStopping(): boolean;
}

/** One request to the keeper that runs, if one does. */
async function ask(home: string, request: Request): Promise<Answer | null> {
  const record = findKeeper(servicesFolder(home).state);
  return record === null ? null : await send(record, request);
}

/** One request to the keeper, which is started where none runs. */
async function converse(options: LeaseOptions, request: Request): Promise<Answer> {
  const folder = servicesFolder(options.home);
  makeStateFolder(folder);
  const deadline = performance.now() + TURNOVER_DEADLINE_MS;
  while (performance.now() < deadline) {
    const record = findKeeper(folder.state);
    const starter = record === null ? await startKeeper(folder, options) : null;
    const answer = await ask(options.home, request);
    starter?.letGo();
    if (answer !== null && !answer.isStopping()) {
      if (answer.reply.error === undefined) return answer;
      await hangUp(answer);
      throw answer.reply.homeFault ? new HomeError(answer.reply.error) : new ServiceError(answer.reply.error);
    }
    if (answer !== null) await hangUp(answer);
    await delay(TURNOVER_POLL_MS);
  }
  throw new ServiceError(
    `The embedded services of ${options.home} are being stopped and do not end. See ${join(folder.state, 'keeper.log')}.`,
  );
}

/** Null when the keeper ended before it replied. */
function send(record: KeeperRecord, request: Request): Promise<Answer | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: record.port, allowHalfOpen: true });
    let stopping = false;
    let text = '';
    // Not readline: its interface throws errors of the socket again, outside of any caller.
    socket.setEncoding('utf8').on('data', (data: string) => {
      const lines = (text + data).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const reply: KeeperReply = JSON.parse(line);
        stopping ||= reply.stopping === true;
        resolve({ keeper: record.process, socket, reply, isStopping: () => stopping });
      }
    });
    socket.on('connect', () => socket.write(`${JSON.stringify({ ...request, token: record.token })}\n`));
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
    socket.on('close', () => resolve(null));
  });
}

/** Ends this side and waits for the other one. Of a stopping keeper, it waits for the process, which ends after its servers. */
async function hangUp({ keeper, socket, isStopping }: Answer): Promise<void> {
  if (!socket.closed) {
    const closed = once(socket, 'close');
    socket.ref();
    socket.end();
    await closed;
  }
  while (isStopping() && isRunning(keeper)) await delay(TURNOVER_POLL_MS);
}

/** Starts a keeper. `letGo` ends the lease that the keeper's standard input is. */
async function startKeeper(folder: ServicesFolder, { home, path, log }: LeaseOptions): Promise<{ letGo(): void }> {
  if (process.platform === 'win32') {
    throw new ServiceError('There are no embedded services on Windows. Set DATABASE_URL and REDIS_URL, or use WSL.');
  }
  log.info(
    { home },
    existsSync(folder.postgresData)
      ? 'starting the embedded services'
      : 'starting the embedded services for the first time: this makes an empty database',
  );
  const logPath = join(folder.state, 'keeper.log');
  const logFile = openSync(logPath, 'a', 0o600);
  const child = spawn(process.execPath, [keeperProgram(), JSON.stringify({ home, path } satisfies KeeperOptions)], {
    cwd: '/',
    env: {},
    stdio: ['pipe', 'pipe', logFile],
    // A session of its own: Ctrl-C in a terminal goes to all processes of the command's group.
    detached: true,
  });
  closeSync(logFile);
  child.unref();
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('The keeper has no pipes.');
  stdin.on('error', () => {});
  let problem = '';
  child.once('error', (error) => {
    problem = String(error);
  });
  let word = '';
  for await (const data of stdout.setEncoding('utf8')) {
    word += String(data);
    if (word.endsWith('\n')) break;
  }
  if (word !== CLAIMED && word !== TAKEN) {
    throw new ServiceError(
      `The keeper of the embedded services does not start. ${problem} ${logPath} ends with:\n${logTail(logPath)}`,
    );
  }
  return { letGo: () => stdin.end() };
}

function keeperProgram(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './keeper.ts' : './keeper.js', import.meta.url));
}
