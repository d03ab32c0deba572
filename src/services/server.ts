import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '../contract/errors.ts';
import { logTail, openLog, readJson, writeJson } from './folder.ts';
import { identifyProcess, isRunning, type ProcessIdentity, signalProcess } from './process-identity.ts';
import type { ServiceUser } from './service-user.ts';

/** Postgres or Redis, as a child of the keeper. */
export interface Server {
  readonly url: string;
  readonly pid: number;
  /** Resolves when the process has ended, asked or not. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** The differences between Postgres and Redis. */
interface ServerPlan {
  readonly name: 'postgres' | 'redis';
  /** Folder of state: the record and the log lie here. */
  readonly state: string;
  readonly dataFolder: string;
  readonly program: string;
  readonly user: ServiceUser | null;
  arguments(port: number): string[];
  /** For standard input, where no other user can read it. */
  readonly input: string;
  url(port: number): string;
  /** Whether clients can connect by now. */
  isReady(pid: number, port: number): Promise<boolean>;
  /** Advice for a failed start, by its log. */
  diagnose(log: string): 'other port' | 'again' | 'give up';
  readonly stopSignal: NodeJS.Signals;
  /** Signal for a server that does not stop. */
  readonly forceSignal: NodeJS.Signals;
}

/** What a server leaves in the folder of state for the next keeper. */
interface ServerRecord {
  readonly process: ProcessIdentity;
  readonly port: number;
}

const READY_POLL_MS = 10;
/** Recovery after a crash replays up to 1 GB of write-ahead log: about a minute on a slow disk. */
const READY_DEADLINE_MS = 300_000;
/** Then the force signal; Postgres recovers and Redis replays its append-only file at the next start. */
const STOP_DEADLINE_MS = 30_000;
const START_ATTEMPTS = 40;
const RETRY_DELAY_MS = 250;

/** Keeps passwords, proxies and locales of the user out. */
export const SERVER_ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** Starts a server on 127.0.0.1, on the port of the last time if that is free. Resolves when clients can connect. */
export async function startServer(plan: ServerPlan): Promise<Server> {
  const recordPath = join(plan.state, `${plan.name}.json`);
  const previous = readRecord(recordPath);
  if (previous) await stopLeftover(previous.process, plan);

  const logPath = join(plan.state, `${plan.name}.log`);
  const log = openLog(logPath);
  try {
    let port = await freePort(previous?.port);
    for (let attempt = 1; ; attempt++) {
      const logStart = fstatSync(log).size;
      const child = spawn(plan.program, plan.arguments(port), {
        // Node enters the folder before it takes on the user, who may not be able to get here by path.
        cwd: plan.dataFolder,
        ...plan.user,
        env: SERVER_ENVIRONMENT,
        stdio: ['pipe', log, log],
        // A session of its own: Ctrl-C in a terminal is not for the servers.
        detached: true,
      });
      const server = await remember(child, plan, port, recordPath);
      if (await becameReady(plan, server, port)) return server;

      const text = logTail(logPath, logStart);
      const remedy = attempt < START_ATTEMPTS ? plan.diagnose(text) : 'give up';
      if (remedy === 'give up') {
        throw new ServiceError(`The embedded ${plan.name} does not start. Its log, ${logPath}, ends with:\n${text}`);
      }
      if (remedy === 'other port') port = await freePort();
      else await delay(RETRY_DELAY_MS);
    }
  } finally {
    closeSync(log);
  }
}

async function remember(child: ChildProcess, plan: ServerPlan, port: number, recordPath: string): Promise<Server> {
  const { pid } = child;
  if (pid === undefined) {
    const [cause] = await once(child, 'error');
    throw new ServiceError(`The embedded ${plan.name} cannot be started: ${String(cause)}.`, { cause });
  }
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const identity = identifyProcess(pid);
  if (identity) writeJson(recordPath, { process: identity, port } satisfies ServerRecord);
  // A server that ends at once leaves a broken pipe; its log says why.
  child.stdin?.on('error', () => {});
  child.stdin?.end(plan.input);
  const stop = async (): Promise<void> => {
    child.kill(plan.stopSignal);
    const force = setTimeout(() => child.kill(plan.forceSignal), STOP_DEADLINE_MS);
    await ended;
    clearTimeout(force);
  };
  return { url: plan.url(port), pid, ended, stop };
}

/** False when it ended instead. */
async function becameReady(plan: ServerPlan, server: Server, port: number): Promise<boolean> {
  let running = true;
  void server.ended.then(() => {
    running = false;
  });
  const deadline = performance.now() + READY_DEADLINE_MS;
  while (running) {
    if (await plan.isReady(server.pid, port)) return true;
    if (performance.now() > deadline) {
      await server.stop();
      const seconds = READY_DEADLINE_MS / 1000;
      throw new ServiceError(
        `The embedded ${plan.name} was not ready after ${seconds} s and was stopped. ` +
          `See ${join(plan.state, `${plan.name}.log`)}; a second try goes on with its recovery.`,
      );
    }
    await Promise.race([delay(READY_POLL_MS), server.ended]);
  }
  return false;
}

/** A killed keeper leaves its servers running. They are stopped in an orderly way before new ones start. */
async function stopLeftover(identity: ProcessIdentity, plan: ServerPlan): Promise<void> {
  if (!isRunning(identity)) return;
  signalProcess(identity, plan.stopSignal);
  const deadline = performance.now() + STOP_DEADLINE_MS;
  while (isRunning(identity)) {
    if (performance.now() > deadline) signalProcess(identity, plan.forceSignal);
    await delay(READY_POLL_MS);
  }
}

function readRecord(path: string): ServerRecord | null {
  const value = readJson(path);
  if (typeof value !== 'object' || value === null || !('process' in value) || !('port' in value)) return null;
  const { process, port } = value;
  if (typeof process !== 'object' || process === null || typeof port !== 'number') return null;
  if (!('pid' in process) || !('startedAt' in process)) return null;
  if (typeof process.pid !== 'number' || typeof process.startedAt !== 'string') return null;
  return { process: { pid: process.pid, startedAt: process.startedAt }, port };
}

/** The given port of 127.0.0.1 if it is free, else any. Another process may still take it before the server does. */
async function freePort(wished = 0): Promise<number> {
  const probe = createServer();
  try {
    probe.listen({ host: '127.0.0.1', port: wished, exclusive: true });
    await once(probe, 'listening');
    const address = probe.address();
    if (address === null || typeof address === 'string') throw new ServiceError('No TCP port is free on 127.0.0.1.');
    return address.port;
  } catch (error) {
    if (wished === 0) throw error;
    return await freePort();
  } finally {
    probe.close();
  }
}
