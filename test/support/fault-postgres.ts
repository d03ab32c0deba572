import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeStateFolder, type ServicesFolder, servicesFolder } from '../../src/services/folder.ts';
import { startPostgres } from '../../src/services/postgres-server.ts';

export const PASSWORD = 'fault';
const DATA = 'DETOXQ_TEST_POSTGRES';

/** Makes one empty Postgres for the test run: each cluster of the fault tests starts from a copy, which takes a tenth of initdb's time. */
export async function setup(): Promise<void> {
  if (process.env[DATA] !== undefined) return;
  const folder = servicesFolder(join(tmpdir(), 'postgres-once'));
  makeStateFolder(folder);
  const server = await startPostgres(folder, PASSWORD);
  process.kill(server.pid, 'SIGINT');
  await server.ended;
  process.env[DATA] = folder.postgresData;
}

/** Gives a folder of services a copy of that Postgres, with its owner. */
export function copyPostgres(folder: ServicesFolder): void {
  const data = process.env[DATA];
  if (data !== undefined && !existsSync(folder.postgresData)) execFileSync('cp', ['-a', data, folder.postgresData]);
}
