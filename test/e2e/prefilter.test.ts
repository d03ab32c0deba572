import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queryRows, runCli } from '../support/cli.ts';
import { type CliHome, createCliHome } from '../support/cli-home.ts';

let home: CliHome;
beforeAll(async () => {
  home = await createCliHome();
});
afterAll(() => home.remove());

const query = (sql: string) => queryRows(sql, home.env);

/** A scorer of another vocabulary and with random weights: it knows nothing, so that the calibration has to be careful. */
const PREFILTER = 'test/fixtures/checkpoints/tiny-roberta';
const RUN = ['run', 'examples/comments.csv', '--processes', '1', '--json'];

describe('a run with a prefilter', { timeout: 240_000 }, () => {
  it('clears only what the calibration allows, names who scored a row, and decides the rest as without it', async () => {
    const plain = await runCli([...RUN, '--name', 'plain'], home.env);
    expect(plain.code, plain.stderr).toBe(0);
    const args = ['--prefilter', PREFILTER, '--prefilter-max-miss', '20%', '--name', 'prefiltered'];
    const run = await runCli([...RUN, ...args], home.env);
    expect(run.code, run.stderr).toBe(0);
    const { prefilter, models, run: id } = JSON.parse(run.stdout);
    expect(prefilter).toMatchObject({ maxMiss: 0.2, sampledRows: 22 });
    expect(prefilter.missBound).toBeLessThanOrEqual(0.2);
    expect(prefilter.clearBelow).toBeGreaterThan(0);
    expect(run.stderr).not.toContain('about as long as the prefilter can save');

    const [scorer] = await query(
      `select count(*) filter (where s.digest = '${prefilter.scorer.digest}') as cleared,
         count(*) filter (where s.digest = '${models.scorer.digest}') as looked_at,
         count(*) filter (where s.digest = '${prefilter.scorer.digest}'
           and (r.outcome <> 'clean' or r.toxicity_before >= ${prefilter.clearBelow})) as wrongly,
         count(*) filter (where s.digest = '${models.scorer.digest}'
           and (r.outcome, r.detoxified, r.toxicity_before) is distinct from (p.outcome, p.detoxified, p.toxicity_before)) as other
       from results r join models s on s.id = r.scorer_id
         join results p on p.row_no = r.row_no and p.run_id = '${JSON.parse(plain.stdout).run}'
       where r.run_id = '${id}'`,
    );
    expect(scorer).toMatchObject({ wrongly: 0, other: 0 });
    expect(Number(scorer?.cleared)).toBeGreaterThan(0);
    expect(Number(scorer?.cleared) + Number(scorer?.looked_at)).toBe(200);

    // The same file gives the same sample, hence the same settings and results.
    const again = await runCli([...RUN, ...args], home.env);
    expect(JSON.parse(again.stdout)).toMatchObject({ prefilter, outcomes: JSON.parse(run.stdout).outcomes });
  });

  it('says so where the calibration takes most of the rows', async () => {
    const args = ['--prefilter', PREFILTER, '--prefilter-max-miss', '20%', '--limit', '25'];
    const run = await runCli([...RUN, ...args], home.env);
    expect(run.code, run.stderr).toBe(0);
    expect(run.stderr).toContain(
      'The run has only 25 rows: calibrating takes about as long as the prefilter can save.',
    );
  });

  it('refuses what a sample of the file cannot show, before anything is enqueued', async () => {
    const few = await runCli([...RUN, '--prefilter', PREFILTER], home.env);
    expect(few.code).toBe(2);
    expect(few.stderr).toMatch(/200 rows are too few to show that at most 0.1 % are missed; that takes 4,7\d\d/);
    const wrong = await runCli([...RUN, '--prefilter', PREFILTER, '--prefilter-max-miss', '0'], home.env);
    expect(wrong.code).toBe(2);
  });
});
