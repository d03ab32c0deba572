import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/contract/errors.ts';
import { parsePostgresAddress } from '../../../src/contract/postgres-address.ts';
import { parseRedisAddress } from '../../../src/contract/redis-address.ts';

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).cause).toBeUndefined();
    return (error as Error).message;
  }
  return 'no error';
}

describe('an address of Postgres', () => {
  const part = (address: string) => {
    const { ssl: _ssl, ...rest } = parsePostgresAddress(address);
    return rest;
  };

  test.each([
    ['postgres://u:p@h:5433/d', { host: 'h', port: 5433, user: 'u', password: 'p', database: 'd', where: 'h:5433/d' }],
    ['POSTGRESQL://u@h/d', { host: 'h', port: 5432, user: 'u', password: undefined, database: 'd' }],
    ['postgres://u:p%40%2F%25@h/d', { password: 'p@/%' }],
    ['postgres://u:p@q:r@h/d', { host: 'h', user: 'u', password: 'p@q:r' }],
    ['postgres://me%40home:p@h/d', { user: 'me@home' }],
    ['postgres://u:@h/d', { password: undefined }],
    ['postgres://u@[::1]:1/d', { host: '::1', port: 1, where: '[::1]:1/d' }],
    ['postgres://u@h', { database: 'u', where: 'h:5432' }],
    ['postgres://u@/d', { host: 'localhost' }],
    ['postgres://u@h/my%20d%25', { database: 'my d%' }],
    ['postgres:///d?host=/run/pg&user=u', { host: '/run/pg', user: 'u', where: '/run/pg/.s.PGSQL.5432 (database d)' }],
    ['postgres://u@%2Frun%2Fpg/d', { host: '/run/pg', database: 'd' }],
    ['postgres://u@localhost/d?host=/run/pg&port=1&dbname=e', { host: '/run/pg', port: 1, database: 'e' }],
    ['postgres://u@h/d?options=-c%20statement_timeout%3D5', { options: '-c statement_timeout=5' }],
    [' postgres://u@h/d\n', { database: 'd' }],
  ])('%s', (address, expected) => {
    expect(part(address)).toMatchObject(expected);
  });

  test('the user is the one of the system where none is named', () => {
    expect(part('postgres://h/d').user).toMatch(/./);
    expect(part('postgres://h').database).toBe(part('postgres://h').user);
  });

  test.each([
    ['', { mode: 'disable' }],
    ['sslmode=disable', { mode: 'disable' }],
    ['sslmode=require', { mode: 'require' }],
    ['sslmode=no-verify', { mode: 'require' }],
    ['sslmode=require&uselibpqcompat=true', { mode: 'require' }],
    ['sslmode=verify-ca&sslrootcert=/ca', { mode: 'verify-ca', rootCertificate: '/ca' }],
    ['sslmode=verify-full', { mode: 'verify-full', rootCertificate: undefined }],
    ['sslrootcert=/ca', { mode: 'verify-full' }],
    ['sslmode=require&sslcert=/c&sslkey=/k&sslpassword=p', { certificate: '/c', key: '/k', keyPassword: 'p' }],
    ['sslmode=require&sslnegotiation=direct', { direct: true, channelBinding: false }],
    ['sslmode=require&channel_binding=prefer', { channelBinding: true }],
    ['sslmode=require&channel_binding=disable', { channelBinding: false }],
    ['channel_binding=prefer', { mode: 'disable', channelBinding: false }],
  ])('TLS of ?%s', (query, expected) => {
    expect(parsePostgresAddress(`postgres://h/d?${query}`).ssl).toMatchObject(expected);
  });

  test.each([
    ['', 'must begin with postgres:// or postgresql://'],
    ['h:5432/d', 'must begin with'],
    ['mysql://h/d', 'must begin with'],
    ['"postgres://h/d"', 'quotation mark'],
    ['postgres://u:2024/secret@h/d', 'percent-encode the password'],
    ['postgres://u:secret?x@h/d', 'percent-encode the password'],
    ['postgres://u:secret#x@h/d', 'percent-encode the password'],
    ['postgres://u:secret#x', 'percent-encode the password'],
    ['postgres://u:50%off@h/d', 'percent-encode the password'],
    ['postgres://u:secret/x', 'the port is no number'],
    ['postgres://u:%00@h/d', 'NUL'],
    ['postgres://h:0/d', 'the port is no number from 1 to 65535'],
    ['postgres://h:65536/d', 'the port is no number from 1 to 65535'],
    ['postgres://local host/d', 'the host'],
    ['postgres://a,b/d', 'several hosts'],
    ['postgres://a:1,b:2/d', 'several hosts'],
    ['postgres:///d?host=a,b', 'several hosts'],
    ['postgres://::1/d', 'an IPv6 address is written [::1]'],
    ['postgres://[::g]/d', 'no IPv6 address'],
    ['postgres://h/a%b', '"%" itself is written %25'],
    ['postgres://h/a/b', 'write it as %2F'],
    ['postgres://h/d?port=1&port=2', 'stands twice'],
    ['postgres://h/d?sslmode', 'no "="'],
    ['postgres://h/d?keyPrefix=secret', 'the parameter keyPrefix'],
    ['postgres://h/d?ssl=true', 'write sslmode=require'],
    ['postgres://h/d?sslmode=prefer', 'write require, or disable'],
    ['postgres://h/d?sslmode=allow', 'write require, or disable'],
    ['postgres://h/d?sslmode=secret', 'must be one of disable, require, verify-ca, verify-full'],
    ['postgres://h/d?sslmode=verify-ca', 'needs sslrootcert'],
    ['postgres://h/d?sslmode=require&sslrootcert=system', 'needs sslmode=verify-full'],
    ['postgres://h/d?sslmode=disable&sslrootcert=/ca', 'no effect'],
    ['postgres://h/d?sslmode=require&sslcert=/c', 'belong together'],
    ['postgres:///d?host=/run&sslmode=require', 'Unix socket'],
    ['postgres://h/d?sslnegotiation=direct', 'needs sslmode=require'],
    ['postgres://h/d?sslmode=require&channel_binding=require', 'channel_binding=prefer'],
    ['postgres://h/d?channel_binding=secret', 'must be prefer or disable'],
    ['postgres://h/d?options=endpoint%3Dsecret', 'leave options out'],
    ['jdbc:postgresql://secret/d', 'as in postgres://user:password@host:5432/database'],
    ['postgresql+psycopg2://u:secret@h/d', 'as in postgres://user:password@host:5432/database'],
    ['host=h user=secret', 'as in postgres://user:password@host:5432/database'],
    ['postgres://h/d?options=-c%20search_path%3Ddetox', 'DETOXQ_SCHEMA'],
    ['postgres://h/d?options=--search-path%3Ddetox', 'DETOXQ_SCHEMA'],
    ['postgres://h/d?options=secret', '-c name=value'],
    ['postgres://h/d?connect_timeout=soon', 'connect_timeout'],
  ])('%s is refused', (address, expected) => {
    const message = refusal(() => parsePostgresAddress(address));
    expect(message).toMatch(/^DATABASE_URL cannot be used: /);
    expect(message).toContain(expected);
    expect(message).not.toContain('secret');
  });
});

describe('an address of Redis', () => {
  test.each([
    ['redis://h', { place: { host: 'h', port: 6379 }, tls: false, database: 0, where: 'h:6379' }],
    ['redis://:p%3A@h:1/2', { place: { host: 'h', port: 1 }, user: undefined, password: 'p:', database: 2 }],
    ['rediss://u:p@h/0', { tls: true, user: 'u', password: 'p', where: 'h:6379/0' }],
    ['redis://h?db=3', { database: 3, where: 'h:6379/3' }],
    ['redis://', { place: { host: 'localhost', port: 6379 } }],
    ['redis://[::1]/', { place: { host: '::1', port: 6379 }, where: '[::1]:6379' }],
    ['unix:///run/r%20s.sock', { place: { path: '/run/r s.sock' }, database: 0, where: '/run/r s.sock' }],
    ['unix://u:p@/run/r.sock?db=2', { place: { path: '/run/r.sock' }, user: 'u', password: 'p', database: 2 }],
  ])('%s', (address, expected) => {
    expect(parseRedisAddress(address)).toMatchObject(expected);
  });

  test.each([
    ['', 'must begin with redis:// or rediss:// or unix://'],
    ['http://h', 'must begin with'],
    ['redis://u:2024/secret@h', 'percent-encode the password'],
    ['redis://:50%off@h', 'percent-encode the password'],
    ['redis://h/abc', 'is a number'],
    ['redis://h/-1', 'is a number'],
    ['redis://h/1/2', 'is a number'],
    ['redis:///x.sock', 'unix:///'],
    ['redis://%2Fx.sock', 'unix:///'],
    ['unix://run/x.sock', 'three "/"'],
    ['unix://', 'names no socket'],
    ['redis://h/1?db=2', 'twice'],
    ['redis://h?keyPrefix=secret:', 'the parameter keyPrefix'],
    ['redis://secret@h', 'user name and no password'],
    ['redis://a:1,b:2', 'several hosts'],
    ['redis+sentinel://h/mymaster', 'not through Sentinel'],
    ['rediss+cluster://h', 'name a Redis that is no Cluster'],
    ['redis-cluster.secret:6379', 'as in redis://:password@host:6379/0'],
    ['localhost:6379', 'with TLS: rediss://'],
    ['secret.redis.cache.windows.net:6380,password=secret,ssl=True', 'with TLS: rediss://'],
    ['valkeys://h', 'with TLS: rediss://'],
    ['redis+tls://h', 'with TLS: rediss://'],
    ['redis-cli -u redis://:secret@h', 'as in redis://'],
  ])('%s is refused', (address, expected) => {
    const message = refusal(() => parseRedisAddress(address));
    expect(message).toMatch(/^REDIS_URL cannot be used: /);
    expect(message).toContain(expected);
    expect(message).not.toContain('secret');
  });
});

describe('a password, whatever is in it', () => {
  // Of the lengths of a password, with a piece that stands in no message of ours.
  const odd = fc.string({ unit: fc.constantFrom(...' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~aZ0é💧\t\n'), maxLength: 6 });
  const password = fc.tuple(odd, odd, odd).map(([a, b, c]) => `${a}Qx7zK${b}Qx7zK${c}`);
  const user = fc.constantFrom('', 'u', 'me%40home');
  const scheme = fc.constantFrom('postgres:', 'redis:', 'rediss:', 'unix:', 'http:');
  const end = fc.constantFrom('', '/', '/d', '/0', '/a/b', '?db=1', '/d?sslmode=require', '/d?sslmode=x', '#f');
  const host = fc.constantFrom('h', 'h:1', 'h:x', '[::1]', '', 'a,b', '%2Frun');

  test('comes through as it is, when it is encoded', () => {
    fc.assert(
      fc.property(password, (text) => {
        const encoded = encodeURIComponent(text);
        expect(parsePostgresAddress(`postgres://u:${encoded}@h/d`)).toMatchObject({ password: text, host: 'h' });
        expect(parsePostgresAddress(`postgres://h/d?password=${encoded}`)).toMatchObject({ password: text });
        expect(parseRedisAddress(`redis://:${encoded}@h`)).toMatchObject({ password: text, database: 0 });
      }),
    );
  });

  test('stands in no error and no description, encoded or not, wherever it is put', () => {
    const address = fc.oneof(
      fc.tuple(scheme, user, password, host, end).map(([s, u, p, h, e]) => `${s}//${u}:${p}@${h}${e}`),
      fc
        .tuple(scheme, user, password, host, end)
        .map(([s, u, p, h, e]) => `${s}//${u}:${encodeURIComponent(p)}@${h}${e}`),
      fc.tuple(scheme, password, host, end).map(([s, p, h, e]) => `${s}//${encodeURIComponent(p)}@${h}${e}`),
      fc.tuple(scheme, password, host).map(([s, p, h]) => `${s}//${h}/d?password=${encodeURIComponent(p)}`),
      fc.tuple(scheme, password, host).map(([s, p, h]) => `${s}//${h}/d?options=${encodeURIComponent(p)}`),
      fc.tuple(scheme, password, host).map(([s, p, h]) => `${s}//${h}/d?unknown=${encodeURIComponent(p)}`),
      fc.tuple(scheme, user, password, host).map(([s, u, p, h]) => `${s}${u}:${p}@${h}`),
    );
    fc.assert(
      fc.property(address, (text) => {
        for (const read of [parsePostgresAddress, parseRedisAddress]) {
          let said: unknown;
          try {
            said = read(text).where;
          } catch (error) {
            said = [String(error), (error as Error).stack, JSON.stringify(error), (error as Error).cause];
          }
          expect(JSON.stringify(said)).not.toContain('Qx7zK');
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
