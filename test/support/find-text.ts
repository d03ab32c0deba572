import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inflateRawSync, inflateSync, unzipSync } from 'node:zlib';
import { Redis } from 'ioredis';
import { createPool } from '../../src/store/pool.ts';

/*
 * Looks for texts wherever a program may have left them: as they are, in hexadecimal, in base64, deflated, and in each of
 * these inside another one.
 */

/** Where a text was found, for people: never the text itself. */
export type Find = string;

const DEEPEST = 4;

/** Which of the texts the bytes hold, in any coding. */
export function textsIn(bytes: Buffer, texts: readonly string[], depth = 0): string[] {
  const found = new Set(
    texts.filter((text) => bytes.includes(text) || bytes.includes(JSON.stringify(text).slice(1, -1))),
  );
  if (depth === DEEPEST) return [...found];
  for (const inner of decodings(bytes)) for (const text of textsIn(inner, texts, depth + 1)) found.add(text);
  return [...found];
}

function decodings(bytes: Buffer): Buffer[] {
  const inner: Buffer[] = [];
  for (const inflate of [inflateSync, unzipSync, inflateRawSync]) {
    try {
      inner.push(inflate(bytes));
      break;
    } catch {
      // Not of this kind.
    }
  }
  const letters = bytes.toString('latin1');
  for (const [coded] of letters.matchAll(/[0-9a-f]{24,}/gi)) inner.push(Buffer.from(coded, 'hex'));
  for (const [coded] of letters.matchAll(/[A-Za-z0-9+/_-]{24,}={0,2}/g)) inner.push(Buffer.from(coded, 'base64'));
  return inner;
}

/** Every key of every database of a Redis, of every type. Keys that do not begin with `prefix` are left out. */
export async function findInRedis(url: string, texts: readonly string[], prefix = ''): Promise<Find[]> {
  const redis = new Redis(url);
  const finds: Find[] = [];
  const look = (where: string, value: Buffer | string): void => {
    for (const text of textsIn(Buffer.from(value), texts)) finds.push(`${where}: text ${texts.indexOf(text)}`);
  };
  try {
    let cursor = '0';
    do {
      const [next, keys] = await redis.scan(
        cursor,
        'MATCH',
        `${prefix.replaceAll(/[*?[\]\\]/g, '\\$&')}*`,
        'COUNT',
        1_000,
      );
      cursor = next;
      for (const key of keys) {
        look(key, key);
        for (const value of await valuesOf(redis, key)) look(key, value);
      }
    } while (cursor !== '0');
  } finally {
    redis.disconnect();
  }
  return finds;
}

async function valuesOf(redis: Redis, key: string): Promise<(Buffer | string)[]> {
  const type = await redis.type(key);
  switch (type) {
    case 'none':
      return [];
    case 'string':
      return [(await redis.getBuffer(key)) ?? ''];
    case 'hash':
      return Object.entries(await redis.hgetallBuffer(key)).flat();
    case 'list':
      return redis.lrangeBuffer(key, 0, -1);
    case 'set':
      return redis.smembersBuffer(key);
    case 'zset':
      return redis.zrangeBuffer(key, '0', '-1');
    case 'stream':
      return (await redis.xrangeBuffer(key, '-', '+')).flatMap(([id, fields]) => [id, ...fields]);
    default:
      throw new Error(`${key} is of type ${type}, which no one looks into`);
  }
}

/** Every column of every table of every schema of a database, and the samples that ANALYZE took of them. */
export async function findInPostgres(url: string, texts: readonly string[]): Promise<Find[]> {
  const pool = createPool(url, { max: 1, applicationName: 'find-text' });
  const finds: Find[] = [];
  try {
    const tables = await pool.query<{ name: string }>(
      `SELECT format('%I.%I', nspname, relname) AS name
       FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
       WHERE relkind IN ('r', 'm') AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
       UNION ALL SELECT 'pg_catalog.pg_statistic'
       UNION ALL SELECT 'pg_catalog.pg_statistic_ext_data'
       UNION ALL SELECT 'pg_catalog.pg_description'
       UNION ALL SELECT 'pg_catalog.pg_largeobject'`,
    );
    for (const { name } of tables) {
      for (const { line } of await pool.query<{ line: string }>(`SELECT t::text AS line FROM ${name} AS t`)) {
        for (const text of textsIn(Buffer.from(line), texts)) finds.push(`${name}: text ${texts.indexOf(text)}`);
      }
    }
  } finally {
    await pool.close();
  }
  return finds;
}

/** Every file below a folder, but for those whose path `leaveOut` takes. */
export async function findInFolder(
  folder: string,
  texts: readonly string[],
  leaveOut: (path: string) => boolean = () => false,
): Promise<Find[]> {
  const finds: Find[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || leaveOut(path)) continue;
    const bytes = await readFile(path);
    for (const text of textsIn(bytes, texts)) finds.push(`${path}: text ${texts.indexOf(text)}`);
  }
  return finds;
}
