import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PROGRAM = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0);

/** For `describe.skipIf`: whether this machine has a server that a test may break. */
export const canStartRedis = PROGRAM !== undefined;

export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  /** Ends it without a chance to save anything. */
  kill(): Promise<void>;
  /** Starts it again, empty, at the same address. */
  restart(): Promise<void>;
  /** Kills it for good. */
  remove(): Promise<void>;
}

/** A Redis for one test, that keeps nothing on disk. */
export async function startPrivateRedis(options: readonly string[] = []): Promise<PrivateRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'detoxq-redis-'));
  let port = await freePort();
  let server: ChildProcess | undefined;
  /** False when it ended by itself: another program has taken the port meanwhile. */
  async function tryToStart(): Promise<boolean> {
    const child = spawn(
      PROGRAM ?? 'redis-server',
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...options],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    server = child;
    let ready = false;
    for await (const line of createInterface({ input: child.stdout })) {
      ready = line.includes('Ready to accept connections');
      if (ready) break;
    }
    child.stdout.resume();
    return ready;
  }
  async function start(): Promise<void> {
    if (!(await tryToStart())) throw new Error(`a private Redis did not start on port ${port}`);
  }
  async function kill(): Promise<void> {
    if (server === undefined) return;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    server = undefined;
    await exited;
  }
  for (let tries = 1; !(await tryToStart()); tries++) {
    server = undefined;
    if (tries === 5) throw new Error('a private Redis does not start');
    port = await freePort();
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    kill,
    restart: start,
    async remove() {
      await kill();
      rmSync(folder, { recursive: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}
