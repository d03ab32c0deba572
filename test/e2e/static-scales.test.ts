import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliEnvironment, queryRows, ROOT, runCli } from '../support/cli.ts';
import { type CliHome, createCliHome } from '../support/cli-home.ts';

let home: CliHome;
beforeAll(async () => {
  home = await createCliHome();
});
afterAll(() => home.remove());

const query = (sql: string) => queryRows(sql, home.env);
const STATIC = ['examples/comments.csv', '--precision', 'int8-static'];

describe('a run in int8-static', { timeout: 240_000 }, () => {
  it('measures scales on its own rows, freezes them, and gives the same results by any number of processes', async () => {
    const run = async (processes: string) => {
      const args = [...STATIC, '--static-max-moved', '20%', '--processes', processes, '--json'];
      const ended = await runCli(['run', ...args], home.env);
      expect(ended.code, ended.stderr).toBe(0);
      return JSON.parse(ended.stdout);
    };
    const first = await run('1');
    expect(first.models).toMatchObject({
      scorer: { precision: 'int8-static' },
      detoxifier: { precision: 'int8-static' },
    });
    expect(first.staticScales).toMatchObject({ maxMoved: 0.2, measuredRows: 64 });
    expect(first.staticScales.labelBound).toBeLessThanOrEqual(0.2);
    expect(first.staticScales.rewrittenRows).toBeGreaterThanOrEqual(16);
    const second = await run('2');
    expect(second).toMatchObject({ staticScales: first.staticScales, outcomes: first.outcomes });

    const [runs] = await query(
      `select count(distinct settings_hash) as settings,
         (select count(*) from jsonb_object_keys(min(settings #>> '{staticScales,scales,scorer}')::jsonb)) as scorer,
         (select count(*) from jsonb_object_keys(min(settings #>> '{staticScales,scales,detoxifier}')::jsonb)) as detoxifier
       from runs where id in ('${first.run}', '${second.run}')`,
    );
    // nano-roberta: four places a layer, and one more in the last. nano-bart: four in each layer of the encoder, six in the decoder's, and what both end with.
    expect(runs).toEqual({ settings: 1, scorer: 9, detoxifier: 30 });
    const [different] = await query(
      `select count(*) as rows from results a join results b using (row_no)
       where a.run_id = '${first.run}' and b.run_id = '${second.run}'
         and (a.outcome, a.detoxified, a.toxicity_before, a.toxicity_after)
           is distinct from (b.outcome, b.detoxified, b.toxicity_before, b.toxicity_after)`,
    );
    expect(different).toEqual({ rows: 0 });
    expect((await runCli(['verify', first.run], home.env)).code).toBe(0);
  });

  it('is worked on by workers that have nothing but its settings, with a prefilter too', async () => {
    const prefilter = ['--prefilter', 'test/fixtures/checkpoints/tiny-roberta', '--prefilter-max-miss', '20%'];
    const enqueued = await runCli(['enqueue', ...STATIC, '--static-max-moved', '20%', ...prefilter], home.env);
    expect(enqueued.code, enqueued.stderr).toBe(0);
    const id = enqueued.stdout.trim();
    const worker = await runCli(['worker', '--processes', '1', '--exit-when-empty'], home.env);
    expect(worker.code, worker.stderr).toBe(0);
    const [done] = await query(
      `select count(*) as rows, count(distinct m.precision) as precisions, min(m.precision) as precision
       from results r join models m on m.id = r.scorer_id where r.run_id = '${id}'`,
    );
    expect(done).toEqual({ rows: 200, precisions: 1, precision: 'int8-static' });
  });

  it('is refused where too much moves, with what moved, and nothing is enqueued', async () => {
    const before = await query('select count(*) as runs from runs');
    // Hot samples are others wherever a logit is.
    const args = ['--static-max-moved', '20%', '--do-sample', '--temperature', '3'];
    const run = await runCli(['run', ...STATIC, ...args], home.env);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(
      /refused, since more moves than 20 %. Of \d+ rows \d+ change their label .* words in \d+ rewrites are others .* Take int8, or allow more with --static-max-moved/,
    );
    expect(await query('select count(*) as runs from runs')).toEqual(before);
  });

  it('is refused where rows cannot be read twice', async () => {
    const args = ['src/cli/main.ts', 'run', '-', '--format', 'txt', '--precision', 'int8-static'];
    const child = spawn(process.execPath, args, { cwd: ROOT, env: cliEnvironment(home.env) });
    child.stdin.end('a row\n');
    const [stderr, [code]] = await Promise.all([new Response(child.stderr).text(), once(child, 'close')]);
    expect(code).toBe(2);
    expect(stderr).toContain('int8-static reads the rows twice: give a file, not standard input or a pipe.');
  });

  it('is refused where rows are too few to show it', async () => {
    const few = await runCli(['run', ...STATIC], home.env);
    expect(few.code).toBe(2);
    expect(few.stderr).toMatch(/200 rows are too few to show that at most 2 % move; that takes 5\d\d/);
  });
});
