import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeStateFolder, servicesFolder } from '../../src/services/folder.ts';
import { startPostgres } from '../../src/services/postgres-server.ts';
import { createPool } from '../../src/store/pool.ts';
import { type Certificates, hasOpenssl, makeCertificates } from '../support/certificates.ts';
import { runCli } from '../support/cli.ts';

describe.skipIf(!hasOpenssl)('Postgres over TLS', () => {
  let folder: string;
  let certificates: Certificates;
  let url: URL;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'detoxq-tls-'));
    chmodSync(folder, 0o711);
    certificates = makeCertificates(folder);
    const state = servicesFolder(folder);
    makeStateFolder(state);
    const server = await startPostgres(state, 'hunter2');
    stop = async () => {
      process.kill(server.pid, 'SIGQUIT');
      await server.ended;
    };
    const { uid, gid } = statSync(state.postgresData);
    for (const [from, name] of [
      [certificates.certificate, 'server.crt'],
      [certificates.key, 'server.key'],
    ] as const) {
      const file = join(state.postgresData, name);
      copyFileSync(from, file);
      chownSync(file, uid, gid);
      chmodSync(file, 0o600);
    }
    const plain = createPool(server.url, { max: 1, applicationName: 'detoxq-test' });
    await plain.query("ALTER SYSTEM SET ssl = 'on'");
    await plain.query('SELECT pg_reload_conf()');
    await plain.close();
    url = new URL(server.url);
    url.hostname = 'localhost';
  });
  afterAll(async () => {
    await stop();
    rmSync(folder, { recursive: true });
  });

  const migrate = (host: string, parameters: Record<string, string>) => {
    const address = new URL(url);
    address.hostname = host;
    address.search = new URLSearchParams(parameters).toString();
    return runCli(['migrate'], { DATABASE_URL: address.href, DETOXQ_HOME: join(folder, 'home') });
  };

  test('verify-full takes the certificate of the authority that was named', async () => {
    const { authority } = certificates;
    expect(await migrate('localhost', { sslmode: 'verify-full', sslrootcert: authority })).toMatchObject({ code: 0 });
    const address = new URL(url);
    address.search = new URLSearchParams({ sslmode: 'verify-full', sslrootcert: authority }).toString();
    const pool = createPool(address.href, { max: 1, applicationName: 'detoxq-test' });
    expect(await pool.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).toEqual([{ ssl: true }]);
    await pool.close();
  });

  test.each([
    ['another authority', 'localhost', () => ({ sslmode: 'verify-full', sslrootcert: certificates.stranger })],
    ['no authority that is known', 'localhost', () => ({ sslmode: 'verify-full' })],
    ['another name', '127.0.0.1', () => ({ sslmode: 'verify-full', sslrootcert: certificates.authority })],
  ])('verify-full refuses %s, and says so without the password', async (_, host, parameters) => {
    const { code, stderr } = await migrate(host, parameters());
    expect(code).toBe(1);
    expect(stderr).toMatch(/certificate|altnames/);
    expect(stderr).not.toContain('hunter2');
  });
});
