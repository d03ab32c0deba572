import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { runCli } from '../support/cli.ts';
import { type CliHome, createCliHome } from '../support/cli-home.ts';
import { canStartRedis, startPrivateRedis } from '../support/private-redis.ts';
import { HAS_TERMINAL, startOnTerminal } from '../support/terminal.ts';

let home: CliHome;
beforeEach(async () => {
  home = await createCliHome(false);
});
afterEach(() => home.remove());

/** Rows that differ, in one chunk. */
async function oneChunk(rows: number): Promise<string[]> {
  const file = join(home.folder, 'rows.jsonl');
  const lines = Array.from({ length: rows }, (_, n) =>
    JSON.stringify({ text: n % 3 === 0 ? `What a stupid idiot, number ${n}.` : `Thanks, number ${n} works now.` }),
  );
  await writeFile(file, lines.join('\n'));
  return ['run', file, '--chunk-rows', String(rows), '--processes', '1'];
}

describe.skipIf(!HAS_TERMINAL)('detoxq on a terminal', { timeout: 240_000 }, () => {
  it('says at once what it starts, counts rows as they are decided, and leaves only the result', async () => {
    const run = startOnTerminal(await oneChunk(3_000), home.env);
    expect(await run.ended, run.sent()).toBe(0);
    const shown = stripVTControlCharacters(run.sent());
    const order = [
      'Starting Postgres and Redis in ',
      'Reading rows.jsonl …',
      'Compiling nano-roberta, nano-bart …',
      '3,000 of 3,000',
    ];
    const places = order.map((text) => shown.indexOf(text));
    expect(places, shown).toEqual(places.toSorted((a, b) => a - b));
    expect(places[0]).toBe(0);
    // The ledger has all rows of the chunk or none.
    const counts = [...shown.matchAll(/([\d,]+) of 3,000 rows/g)].map(([, count]) =>
      Number(count?.replaceAll(',', '')),
    );
    expect(counts.filter((count) => count > 0 && count < 3_000).length, shown).toBeGreaterThan(0);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    const left = run.lines();
    expect(left).toContainEqual(expect.stringMatching(/^Run r\w+ of rows\.jsonl is done: 3,000 of 3,000 rows/));
    expect(left.filter((line) => /…$|[█░]/.test(line))).toEqual([]);
  });

  it('stops at Ctrl-C with lines of their own, within 40 columns', async () => {
    const run = startOnTerminal(await oneChunk(10_000), { ...home.env, DETOXQ_DRAIN_SECONDS: '1' }, 40);
    await run.matches(/ of 10,000/);
    run.type('\x03');
    expect(await run.ended, run.sent()).toBe(130);
    const lines = run.lines().map((line) => line.replace('^C', ''));
    expect(lines.filter((line) => line.includes(' of 10,000 rows'))).toEqual([]);
    expect(lines).toContainEqual(expect.stringMatching(/^Stopping: /));
    expect(lines).toContainEqual(expect.stringMatching(/^Stopped with [\d,]+ rows done\. Go on with: detoxq resume/));
  });

  it.skipIf(!canStartRedis)('shows a warning once, in words, where a program gets JSON', async () => {
    const redis = await startPrivateRedis(['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']);
    onTestFinished(redis.remove);
    const env = { ...home.env, REDIS_URL: redis.url };
    const args = ['run', 'examples/comments.csv', '--limit', '8'];

    const run = startOnTerminal(args, env);
    expect(await run.ended, run.sent()).toBe(0);
    const warnings = run.lines().filter((line) => line.includes('maxmemory-policy'));
    expect(warnings).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d warn {2}Redis at .* set maxmemory-policy noeviction .*allkeys-lru/),
    ]);
    expect(run.sent()).not.toMatch(/IMPORTANT|\{"level"/);

    const { stderr, code } = await runCli(args, env);
    expect(code, stderr).toBe(0);
    const logged = stderr.split('\n').filter((line) => line.startsWith('{'));
    expect(logged.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ level: 40, policy: 'allkeys-lru', msg: expect.stringContaining('noeviction') }),
    ]);
    expect(stderr).not.toContain('IMPORTANT');
  });
});
