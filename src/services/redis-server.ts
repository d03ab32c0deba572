import { execFile } from 'node:child_process';
import { chownSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from '../contract/make-folder.ts';
import type { ServicesFolder } from './folder.ts';
import { SERVER_ENVIRONMENT, type Server, startServer } from './server.ts';
import { type ServiceUser, serviceUser } from './service-user.ts';

const PROGRAMS = ['redis-server', 'valkey-server'];
/** BullMQ warns below it. Every Valkey is above. */
const MIN_REDIS = [6, 2] as const;

/**
 * Starts a private Redis or Valkey with the first fit program in `searchPath` (a PATH string).
 * Null where none is found: then Postgres is the queue.
 */
export async function startRedis(folder: ServicesFolder, password: string, searchPath: string): Promise<Server | null> {
  const user = serviceUser(folder.redisData);
  const program = await findRedis(searchPath, user);
  if (program === null) return null;
  makeFolder(folder.redisData, 0o700);
  if (user !== null && statSync(folder.redisData).uid === 0) chownSync(folder.redisData, user.uid, user.gid);
  return await startServer({
    name: 'redis',
    state: folder.state,
    dataFolder: folder.redisData,
    program,
    user,
    arguments: (port) => ['-', '--port', String(port)],
    input: configuration(password),
    url: (port) => `redis://:${password}@127.0.0.1:${port}`,
    isReady: (_pid, port) => answersPing(port, password),
    diagnose: (log) => (/Address already in use|Failed listening on port/.test(log) ? 'other port' : 'give up'),
    stopSignal: 'SIGTERM',
    forceSignal: 'SIGKILL',
  });
}

function configuration(password: string): string {
  return [
    'bind 127.0.0.1',
    `requirepass ${password}`,
    'daemonize no',
    // The working directory: the service user of root may be unable to reach it by path.
    'dir .',
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    // BullMQ's data must never be evicted.
    'maxmemory-policy noeviction',
    'loglevel notice',
    '',
  ].join('\n');
}

/** Path of the first program that runs, for this user, and is new enough. */
async function findRedis(searchPath: string, user: ServiceUser | null): Promise<string | null> {
  for (const name of PROGRAMS) {
    for (const folder of searchPath.split(delimiter)) {
      if (!isAbsolute(folder)) continue;
      const program = join(folder, name);
      try {
        const { stdout } = await promisify(execFile)(program, ['--version'], {
          ...user,
          env: SERVER_ENVIRONMENT,
          cwd: '/',
        });
        if (isNewEnough(stdout)) return program;
      } catch {
        // Missing, not executable for this user, or broken: the next one is tried.
      }
    }
  }
  return null;
}

function isNewEnough(version: string): boolean {
  const [, major, minor] = /v=(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined || minor === undefined) return false;
  return Number(major) > MIN_REDIS[0] || (Number(major) === MIN_REDIS[0] && Number(minor) >= MIN_REDIS[1]);
}

/** False while it does not listen yet, or still reads its append-only file. */
function answersPing(port: number, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let reply = '';
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('connect', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    socket.on('data', (data) => {
      reply += data.toString('latin1');
      if (reply.split('\r\n').length > 2) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(reply === '+OK\r\n+PONG\r\n'));
  });
}
