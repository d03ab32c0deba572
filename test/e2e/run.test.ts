import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { queryRows, runCli, startCli } from '../support/cli.ts';
import { type CliHome, createCliHome } from '../support/cli-home.ts';

let home: CliHome;
beforeEach(async () => {
  home = await createCliHome();
});
afterEach(() => home.remove());

const query = (sql: string) => queryRows(sql, home.env);

/** Enough rows that a run can be interrupted in the middle. */
async function manyRows(count: number): Promise<string> {
  const file = join(home.folder, 'many.jsonl');
  const lines = Array.from({ length: count }, (_, n) => {
    const text =
      n % 3 === 0 ? `What a stupid idiot, number ${n}.` : `Thanks, number ${n} works now and the rest is fine.`;
    return JSON.stringify({ text });
  });
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

describe('detoxq on a machine without services', { timeout: 240_000 }, () => {
  it('does the main job with the first command of the README, and leaves nothing behind', async () => {
    const out = join(home.folder, 'cleaned.jsonl');
    const run = await runCli(['run', 'examples/comments.csv', '--out', out], home.env);
    expect(run.code, run.stderr).toBe(0);
    expect(run.stdout).toMatch(/200 of 200 rows/);
    expect(run.stdout).toMatch(/nano-roberta \(RobertaForSequenceClassification, int8, sha256 [0-9a-f]{12}\)/);
    expect(run.stdout).toMatch(/nano-bart \(BartForConditionalGeneration, int8, sha256 [0-9a-f]{12}\)/);
    expect(run.stdout).toMatch(/toxicity +0\.\d+ before, 0\.\d+ after/);

    const [counts] = await query(
      `select count(*) as rows, count(distinct row_no) as distinct_rows, count(*) filter (where row_key like 'c0%') as keyed,
         count(*) filter (where outcome = 'detoxified') as detoxified,
         count(*) filter (where outcome = 'detoxified' and toxicity_after < 0.5 and toxicity_before >= 0.5 and detoxified <> text) as as_promised,
         count(*) filter (where outcome = 'clean' and detoxified is null and toxicity_after is null) as clean,
         count(*) filter (where toxicity_before is null) as blank, count(meta->>'posted_at') as with_meta
       from results`,
    );
    // One text is empty, one is a lone emoji.
    expect(counts).toMatchObject({ rows: 200, distinct_rows: 200, keyed: 200, blank: 2, with_meta: 200 });
    expect(counts?.detoxified).toBe(counts?.as_promised);
    // 92 of the 200 were written to be toxic, 108 not to be.
    expect(counts?.detoxified).toBeGreaterThan(60);
    expect(counts?.clean).toBeGreaterThan(90);

    const exported = (await readFile(out, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(exported.map((row) => row.row_no)).toEqual(Array.from({ length: 200 }, (_, n) => n));

    const verify = await runCli(['verify', 'latest'], home.env);
    expect(verify).toMatchObject({ code: 0, stdout: expect.stringContaining('200 results + 0 row errors') });

    // Decision 13: no telemetry, no device id, nothing under the home folder of the user.
    expect(await readdir(home.folder)).not.toContain('home');
    // The services ended with the command.
    expect((await runCli(['services', 'status'], home.env)).code).toBe(1);
  });

  it('stops at Ctrl-C, and resume goes on without doing a row twice', async () => {
    const file = await manyRows(8_000);
    const first = startCli(['run', file, '--chunk-rows', '64', '--processes', '1'], home.env);
    await first.stderrMatches(/[1-9][\d,]* of 8,000 rows/);
    first.child.kill('SIGINT');
    const stopped = await first.ended;
    expect(stopped.code, stopped.stderr).toBe(130);
    const done = Number(/Stopped with ([\d,]+) rows done/.exec(stopped.stderr)?.[1]?.replaceAll(',', ''));
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(8_000);

    const resumed = await runCli(['resume', 'latest', '--json'], home.env);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ state: 'done', rows: 8_000, rowsDone: 8_000 });
    expect((await runCli(['verify', 'latest'], home.env)).code).toBe(0);
    // Chunks that were done before the stop were claimed once, and those handed back do not count as attempts.
    expect(await query('select max(attempts) as attempts from chunks')).toEqual([{ attempts: 1 }]);
  });

  it('freezes how the detoxifier writes with a run, the words of a lexicon too', async () => {
    const lexicon = join(home.folder, 'lexicon.txt');
    await writeFile(lexicon, 'door\n');
    const flags = ['--num-beams', '3', '--no-repeat-ngram-size', '3', '--bad-words', lexicon, '--limit', '12'];
    const run = await runCli(['run', 'examples/comments.csv', ...flags, '--prompt', ' {text}'], home.env);
    expect(run.code, run.stderr).toBe(0);
    const [first] = await query("select settings->'generation' as generation, settings->>'prompt' as prompt from runs");
    expect(first).toEqual({
      generation: {
        max_new_tokens: 64,
        num_beams: 3,
        no_repeat_ngram_size: 3,
        bad_words_ids: [[4106, 288], [2025]],
      },
      prompt: ' {text}',
    });
  });

  it('refuses to resume a source that changed, and says so', async () => {
    const file = await manyRows(40_000);
    // So many chunks that the producer waits for the worker: it is stopped before it has read them all.
    const first = startCli(['run', file, '--chunk-rows', '8'], home.env);
    await first.stderrMatches(/reading, [1-9]/);
    first.child.kill('SIGINT');
    const stopped = await first.ended;
    expect(stopped.code, stopped.stderr).toBe(130);
    await writeFile(file, '{"text":"another file"}\n');
    const [run] = await query('select state from runs');
    // Only a source that was not read to its end is read again.
    expect(run).toEqual({ state: 'enqueueing' });
    const resumed = await runCli(['resume', 'latest'], home.env);
    expect(resumed.code).toBe(1);
    expect(resumed.stderr).toContain('is not the file the run was started with');
  });
});

describe('detoxq, told something wrong', () => {
  let shared: CliHome;
  beforeAll(async () => {
    shared = await createCliHome();
    await runCli(['services', 'start'], shared.env);
  });
  afterAll(() => shared.remove());

  it.each([
    [['run', 'no-such-file.csv'], 1, /no-such-file\.csv/],
    [['run', 'examples/comments.csv', '--text-column', 'body'], 2, /id, text, source, posted_at/],
    [['run', 'examples/comments.csv', '--scorer', 'no-such-model'], 2, /no-such-model.*nano-roberta/s],
    [['run', 'examples/comments.csv', '--scorer', 'models/nano-bart'], 1, /BartForConditionalGeneration/],
    [['run', 'examples/comments.csv', '--out', 'x.xlsx'], 2, /\.jsonl, \.csv, \.tsv/],
    [['run', 'examples/comments.csv', '--threshold', '7'], 2, /from 0 to 1/],
    [['run', 'examples/comments.csv', '--temperature', '2'], 2, /no effect without do_sample/],
    [['run', 'examples/comments.csv', '--prompt', 'no place'], 2, /\{text\}/],
    [['verify', 'rzzzzzzz'], 2, /rzzzzzzz/],
    [['query', 'select nothing from nowhere'], 1, /nowhere/],
    [['query', 'create table t (a int)'], 2, /only reads/],
    [['export', 'latest', '--out', 'x.csv', '--outcome', 'nice'], 2, /clean, detoxified/],
    [['frobnicate'], 2, /unknown command/],
  ])('says what is wrong with detoxq %j', async (args, code, message) => {
    const result = await runCli(args, shared.env);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/\n\s+at /);
    expect(result.code).toBe(code);
  });
});
