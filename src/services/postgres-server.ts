import { execFile } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ServiceError } from '../contract/errors.ts';
import { errorText, type ServicesFolder } from './folder.ts';
import { bundledPostgres, type PostgresBinaries, preparePostgres } from './postgres-binaries.ts';
import { identifyProcess, isProgram } from './process-identity.ts';
import { SERVER_ENVIRONMENT, type Server, startServer } from './server.ts';
import { type ServiceUser, serviceUser } from './service-user.ts';

/** Superuser of the embedded Postgres. */
const USER = 'detoxq';
/** Made by initdb; nothing else lives in the server. */
const DATABASE = 'postgres';
/** Where root puts a copy of the binaries for the service user; survives a restart, unlike the temporary folder. */
const ROOT_COPIES = '/var/cache/detoxq';

/**
 * Starts the embedded Postgres on `folder.postgresData`, which is made when it is not there.
 * Throws a ServiceError when the folder is of another major version, in use by another server, or not readable, and when
 * Postgres does not start.
 */
export async function startPostgres(folder: ServicesFolder, password: string): Promise<Server> {
  const data = folder.postgresData;
  const user = serviceUser(data);
  const binaries = preparePostgres(bundledPostgres(), user === null ? folder.binaries : ROOT_COPIES, user);
  if (!existsSync(join(data, 'PG_VERSION'))) await createData(data, binaries, password, user);
  checkVersion(data, binaries.majorVersion);
  return await startServer({
    name: 'postgres',
    state: folder.state,
    dataFolder: data,
    program: binaries.postgres,
    user,
    arguments: (port) => {
      dropStaleLock(data);
      return ['-D', dataArgument(data, user), '-p', String(port), ...settings()];
    },
    input: '',
    url: (port) => `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`,
    isReady: async (pid) => isReady(data, pid),
    diagnose: (log) => {
      if (/could not (bind|create any TCP\/IP sockets)/.test(log)) return 'other port';
      // Backends of a killed server take a moment to notice.
      if (/pre-existing shared memory block/.test(log)) return 'again';
      return 'give up';
    },
    // Fast shutdown: open transactions are rolled back. Forced: like a crash, repaired at the next start.
    stopSignal: 'SIGINT',
    forceSignal: 'SIGQUIT',
  });
}

/**
 * The service user of root may be unable to reach a home that lies under a 0700 folder. The server is started with
 * its data folder as working directory, and reaches that without a path. Postgres never leaves the folder.
 */
function dataArgument(data: string, user: ServiceUser | null): string {
  return user !== null && process.platform === 'linux' ? '/proc/self/cwd' : data;
}

function settings(): string[] {
  const values = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '50',
    shared_buffers: '128MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Statements and their values hold text of rows: the log gets the server's own events only.
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_checkpoints: 'off',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function createData(
  data: string,
  { initdb }: PostgresBinaries,
  password: string,
  user: ServiceUser | null,
): Promise<void> {
  if (existsSync(data) && readdirSync(data).length > 0) {
    throw new ServiceError(`${data} is not empty and is not a Postgres data folder. Move it away.`);
  }
  // Elsewhere first: a folder that was half made when the power went must not look like a database.
  const staging = `${data}.new`;
  const passwordFolder = mkdtempSync(join(tmpdir(), 'detoxq-initdb-'));
  try {
    rmSync(staging, { recursive: true, force: true });
    mkdirSync(staging, { mode: 0o700 });
    const passwordFile = join(passwordFolder, 'password');
    writeFileSync(passwordFile, password, { mode: 0o600 });
    if (user !== null) {
      for (const path of [staging, passwordFolder, passwordFile]) chownSync(path, user.uid, user.gid);
    }
    const options = [
      ['-D', dataArgument(staging, user)],
      ['-U', USER, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
      // A locale of Postgres itself, so the same on every system.
      ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
      // One sync of the file system instead of one per file: 0.8 s instead of 3.5 s on a busy disk.
      process.platform === 'linux' ? ['--sync-method=syncfs'] : [],
    ].flat();
    await promisify(execFile)(initdb, options, { cwd: staging, ...user, env: SERVER_ENVIRONMENT });
    rmSync(data, { recursive: true, force: true });
    renameSync(staging, data);
  } catch (cause) {
    rmSync(staging, { recursive: true, force: true });
    const output = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : errorText(cause);
    throw new ServiceError(
      `The embedded Postgres cannot make its data folder ${data}: ${output}\n` +
        'Give DETOXQ_HOME a folder on a disk with space that you can write, or set DATABASE_URL.',
      { cause },
    );
  } finally {
    rmSync(passwordFolder, { recursive: true, force: true });
  }
}

function checkVersion(data: string, majorVersion: string): void {
  let found: string;
  try {
    found = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  } catch (cause) {
    const { uid } = statSync(data);
    throw new ServiceError(
      `The data folder ${data} cannot be read: it belongs to the user with id ${uid}. ` +
        'Run detoxq as that user or root, or use another DETOXQ_HOME.',
      { cause },
    );
  }
  if (found === majorVersion) return;
  throw new ServiceError(
    `The data folder ${data} was made by Postgres ${found}; this detoxq brings Postgres ${majorVersion}. ` +
      'Export its runs with the detoxq that made it, then move the folder away; or set DATABASE_URL.',
  );
}

/**
 * Removes a postmaster.pid whose process is gone but whose pid another process of the same user has by now: Postgres
 * would refuse to start. Another server that runs on the folder is left alone, with an error.
 */
function dropStaleLock(data: string): void {
  const lock = join(data, 'postmaster.pid');
  const pid = Number(readLock(data)?.[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  if (identifyProcess(pid) !== null && mayServe(pid, data)) {
    throw new ServiceError(
      `Another Postgres, process ${pid}, runs on ${data}. Stop it first, for example with: pg_ctl -D ${data} stop`,
    );
  }
  rmSync(lock, { force: true });
}

/** Whether the process may be a Postgres that serves the folder: one stands in its data folder. */
function mayServe(pid: number, data: string): boolean {
  if (process.platform !== 'linux') return isProgram(pid, 'postgres');
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data);
  } catch {
    // A process of another user, which could not serve a folder that only this user can read.
    return false;
  }
}

/** pg_ctl waits for the eighth line of postmaster.pid, too. */
function isReady(data: string, pid: number): boolean {
  const lines = readLock(data);
  return lines !== null && Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

function readLock(data: string): string[] | null {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return null;
  }
}
