import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli, startCli } from '../support/cli.ts';
import { freePort } from '../support/private-redis.ts';

let folder: string;
let nowhere: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'detoxq-addresses-'));
  writeFileSync(join(folder, 'rows.txt'), 'one comment\n');
  nowhere = `127.0.0.1:${await freePort()}`;
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Addresses that are wrong, or right where nothing listens; each has the piece `hunter2` of a password. */
const ADDRESSES: readonly (readonly [string, () => Record<string, string>, string])[] = [
  ['an unencoded password of Postgres', () => ({ DATABASE_URL: 'postgres://u:2024/hunter2@h/d' }), 'percent-encode'],
  ['a stray % of Postgres', () => ({ DATABASE_URL: 'postgres://u:50%hunter2@h/d' }), 'percent-encode'],
  [
    'a password file for TLS',
    () => ({ DATABASE_URL: 'postgres://u@h/d?sslmode=require&sslrootcert=/hunter2' }),
    'sslrootcert',
  ],
  ['an unknown parameter', () => ({ DATABASE_URL: 'postgres://u@h/d?token=hunter2' }), 'the parameter token'],
  ['nothing listens', () => ({ DATABASE_URL: `postgres://u:hunter2@${nowhere}/d` }), 'nothing listens there'],
  [
    'nothing listens, PGPASSWORD',
    () => ({ DATABASE_URL: `postgres://u@${nowhere}/d`, PGPASSWORD: 'hunter2' }),
    'nothing listens',
  ],
  ['an unencoded password of Redis', () => ({ REDIS_URL: 'redis://:2024/hunter2@h' }), 'percent-encode'],
  ['a stray % of Redis', () => ({ REDIS_URL: 'redis://:50%hunter2@h' }), 'percent-encode'],
  ['a parameter of Redis', () => ({ REDIS_URL: 'redis://h?keyPrefix=hunter2' }), 'the parameter keyPrefix'],
];

test.each(ADDRESSES)(
  '%s is one line with advice and no password, at the log level trace too',
  async (_, env, expected) => {
    const { code, stdout, stderr } = await runCli(['enqueue', join(folder, 'rows.txt')], {
      ...env(),
      DETOXQ_HOME: join(folder, 'home'),
      DETOXQ_LOG_LEVEL: 'trace',
    });
    expect(stderr).toContain(expected);
    expect(stdout + stderr).not.toMatch(/hunter2|hunter|should not happen|fault in the program/);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(code === 1 || code === 2).toBe(true);
  },
);

test('no process of the embedded services has an address or a password among its arguments', {
  timeout: 60_000,
}, async () => {
  const env = { DETOXQ_HOME: join(folder, 'embedded') };
  try {
    const url = await runCli(['services', 'start'], env).then(() => runCli(['services', 'url'], env));
    const { password } = new URL(url.stdout.trim());
    expect(password.length).toBeGreaterThan(20);
    const worker = startCli(['worker', '--processes', '1'], { ...env, PGPASSWORD: 'hunter2' });
    await worker.stderrMatches(/worker is ready/);
    const titles = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    expect(titles.includes(password)).toBe(false);
    expect(titles).not.toContain('hunter2');
    worker.child.kill('SIGTERM');
    await worker.ended;
  } finally {
    await runCli(['services', 'stop'], env);
  }
});
