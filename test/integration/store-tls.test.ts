import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createPostgresQueue } from '../../src/queue/postgres-queue.ts';
import { makeStateFolder, servicesFolder } from '../../src/services/folder.ts';
import { startPostgres } from '../../src/services/postgres-server.ts';
import { createPool } from '../../src/store/pool.ts';
import { type Certificates, hasOpenssl, makeCertificates } from '../support/certificates.ts';
import { runCli } from '../support/cli.ts';
import { createTestLog } from '../support/queues.ts';

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

  test('the login is bound to the connection where channel_binding=prefer asks for it', async () => {
    expect(await migrate('localhost', { sslmode: 'require', channel_binding: 'prefer' })).toMatchObject({ code: 0 });
    expect(await migrate('localhost', { channel_binding: 'prefer' })).toMatchObject({ code: 0 });
  });

  test('verify-full takes the certificate of the authority that was named', async () => {
    const { authority } = certificates;
    expect(await migrate('localhost', { sslmode: 'verify-full', sslrootcert: authority })).toMatchObject({ code: 0 });
    const address = new URL(url);
    address.search = new URLSearchParams({ sslmode: 'verify-full', sslrootcert: authority }).toString();
    const pool = createPool(address.href, { max: 1, applicationName: 'detoxq-test' });
    expect(await pool.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).toEqual([{ ssl: true }]);
    await pool.close();
  });

  test('require encrypts and asks for no proof, as psql does, without a word; with an authority it looks', async () => {
    expect(await migrate('127.0.0.1', { sslmode: 'require' })).toMatchObject({
      code: 0,
      stderr: expect.not.stringMatching(/SECURITY|warning/i),
    });
    const select = async (parameters: Record<string, string>, host = 'localhost') => {
      const address = new URL(url);
      address.hostname = host;
      address.search = new URLSearchParams(parameters).toString();
      const pool = createPool(address.href, { max: 1, applicationName: 'detoxq-test' });
      onTestFinished(() => pool.close());
      const [row] = await pool.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      return row?.ssl;
    };
    const { authority, stranger, certificate, key } = certificates;
    expect(await select({})).toBe(false);
    expect(await select({ sslmode: 'disable' })).toBe(false);
    expect(await select({ sslmode: 'require' })).toBe(true);
    expect(await select({ sslmode: 'require', sslcert: certificate, sslkey: key })).toBe(true);
    expect(await select({ sslmode: 'require', sslrootcert: authority })).toBe(true);
    await expect(select({ sslmode: 'require', sslrootcert: stranger })).rejects.toThrow(
      'its certificate is not of an authority',
    );
    expect(await select({ sslmode: 'verify-ca', sslrootcert: authority }, '127.0.0.1')).toBe(true);
    await expect(select({ sslmode: 'verify-ca', sslrootcert: stranger })).rejects.toThrow(
      'its certificate is not of an authority',
    );
    await expect(select({ sslmode: 'verify-full', sslrootcert: 'system' })).rejects.toThrow(
      'its certificate is not of an authority',
    );
    await expect(select({ sslrootcert: authority }, '127.0.0.1')).rejects.toThrow(
      'its certificate is for another name',
    );
    const { log } = createTestLog();
    const address = `${url.href}?sslmode=require`;
    const queue = await createPostgresQueue({ url: address, name: 'tls', log });
    expect(await queue.depth()).toBe(0);
    await queue.close();
  });

  test('files that cannot be used are named by their parameter', () => {
    const { authority, key, certificate } = certificates;
    const text = join(folder, 'text');
    writeFileSync(text, 'no certificate');
    const broken = join(folder, 'broken.pem');
    writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const locked = join(folder, 'locked.key');
    execFileSync('openssl', ['rsa', '-aes256', '-passout', 'pass:hunter2', '-in', key, '-out', locked], {
      stdio: 'ignore',
    });
    const open = (parameters: Record<string, string>) => {
      const address = new URL(url);
      address.search = new URLSearchParams({ sslmode: 'verify-full', ...parameters }).toString();
      return createPool(address.href, { max: 1, applicationName: 'detoxq-test' });
    };
    expect(() => open({ sslrootcert: '/nonexistent.pem' })).toThrow('the file that sslrootcert names does not exist');
    expect(() => open({ sslrootcert: folder })).toThrow('the file that sslrootcert names is a folder');
    expect(() => open({ sslrootcert: text })).toThrow(
      'the file that sslrootcert names holds no certificate in PEM form',
    );
    expect(() => open({ sslrootcert: broken })).toThrow('holds a certificate that is broken');
    expect(() => open({ sslcert: '/nonexistent.pem', sslkey: key })).toThrow(
      'the file that sslcert names does not exist',
    );
    expect(() => open({ sslcert: certificate, sslkey: text })).toThrow(
      'the file that sslkey names holds no private key',
    );
    expect(() => open({ sslcert: authority, sslkey: key })).toThrow('sslkey is not the key of sslcert');
    expect(() => open({ sslcert: certificate, sslkey: locked })).toThrow('give its password in sslpassword');
    expect(() => open({ sslcert: certificate, sslkey: locked, sslpassword: 'hunter3' })).toThrow(
      'sslpassword does not open',
    );
    const pool = open({ sslcert: certificate, sslkey: locked, sslpassword: 'hunter2' });
    return pool.close();
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
