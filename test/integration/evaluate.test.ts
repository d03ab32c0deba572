import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openJudges } from '../../src/app/judges.ts';
import { ROOT, runCli } from '../support/cli.ts';
import { TINY, tinyReferences } from '../support/tiny-checkpoints.ts';

const PAIRS = [
  ['What a stupid idea, Tom.', 'What an idea, Tom.'],
  ['You are an idiot, the meeting is at 9.', 'You are wrong, the meeting is at 9.'],
  ['nobody wants to hear your shit', 'nobody wants to hear your shit'],
  ['shut up and fix the damn build', 'please fix the build'],
  ['The food was crap and the waiter a moron.', 'The food was bad and the waiter rude.'],
] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'detoxq-evaluate-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A checkpoint under other names for its labels. */
async function relabelled(source: string, name: string, labels: Record<string, string> | null): Promise<string> {
  const copy = join(folder, name);
  await cp(source, copy, { recursive: true });
  const config = JSON.parse(await readFile(join(copy, 'config.json'), 'utf8'));
  const { id2label: _, label2id: __, ...others } = config;
  await writeFile(
    join(copy, 'config.json'),
    JSON.stringify(labels === null ? others : { ...others, id2label: labels }),
  );
  return copy;
}

async function pairs(name: string, change: (output: string) => string = (output) => output): Promise<string> {
  const file = join(folder, name);
  const lines = PAIRS.map(([src, out], id) => JSON.stringify({ id, src, out: change(out), ref: out }));
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

describe('judges', () => {
  test('give the probabilities and cosines of transformers, whatever the order of the labels', async () => {
    const fluency = await relabelled(join(TINY, 'tiny-roberta'), 'cola', { '0': 'acceptable', '1': 'unacceptable' });
    const judges = await openJudges(
      { judgeSta: join(TINY, 'tiny-bert'), judgeSim: join(TINY, 'tiny-encoder'), judgeFl: fluency, precision: 'fp32' },
      folder,
      () => {},
    );
    // tiny-bert has toxic first.
    const toxic = tinyReferences('tiny-bert');
    const acceptable = tinyReferences('tiny-roberta');
    const embedded = tinyReferences('tiny-encoder');
    const neutral = await judges.sta.judge(toxic.map(({ text }) => text));
    const fluent = await judges.fl.judge(acceptable.map(({ text }) => text));
    const vectors = await judges.sim.embed(embedded.map(({ text }) => text));
    await judges.close();
    toxic.forEach(({ probabilities: [toxicity] }, at) => {
      expect(Math.abs(neutral[at]! - (1 - toxicity!))).toBeLessThan(1e-4);
    });
    acceptable.forEach(({ probabilities: [first] }, at) => {
      expect(Math.abs(fluent[at]! - first!)).toBeLessThan(1e-4);
    });
    const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
      Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);
    const unit = (vector: readonly number[]): number[] => vector.map((value) => value / Math.hypot(...vector));
    embedded.forEach(({ embedding }, at) => {
      const expected = cosine(unit(embedding), unit(embedded[0]!.embedding));
      expect(Math.abs(cosine(vectors[at]!, vectors[0]!) - expected)).toBeLessThan(1e-4);
    });
  });

  test('of fluency needs a label that says so', async () => {
    const unnamed = await relabelled(join(TINY, 'tiny-roberta'), 'unnamed', null);
    const options = { judgeSta: 'nano-bert', judgeSim: 'nano-sim', judgeFl: unnamed, precision: 'fp32' } as const;
    await expect(openJudges(options, folder, () => {})).rejects.toThrow(
      /unnamed cannot judge fluency: none of its labels \(LABEL_0, LABEL_1\) is called acceptable/,
    );
  });
});

describe('detoxq evaluate', { timeout: 120_000 }, () => {
  let fluency: string[];
  let env: Record<string, string>;
  beforeAll(async () => {
    // What is harmless to nano-bert stands in for what is acceptable.
    const labels = { '0': 'acceptable', '1': 'unacceptable' };
    fluency = ['--judge-fl', await relabelled(join(ROOT, 'models/nano-bert'), 'stand-in', labels)];
    env = { DETOXQ_HOME: folder };
  });

  test('a file: figures that are the means of its scores, and who judged', async () => {
    const scores = join(folder, 'scores.jsonl');
    const markdown = join(folder, 'report.md');
    const file = await pairs('one.jsonl');
    const args = ['evaluate', file, ...fluency, '--json', '--scores', scores, '--out', markdown];
    const { stdout, stderr, code } = await runCli(args, env);
    expect(code, stderr).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ rows: PAIRS.length, warnings: [], chrfAgainst: 'references' });
    expect(report.judges.sta).toMatchObject({ name: 'nano-bert', precision: 'fp32', form: 'model' });
    expect(report.judges.sim).toMatchObject({ name: 'nano-sim', digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(report.judges.fl).toMatchObject({ form: 'joined' });
    expect(report.systems[0]).toMatchObject({ name: 'one.jsonl', copies: 1, metrics: { chrf: { mean: 1 } } });
    const rows = (await readFile(scores, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.map((row) => row.row_key)).toEqual(['0', '1', '2', '3', '4']);
    for (const metric of ['sta', 'sim', 'fl', 'j'] as const) {
      const mean = rows.reduce((sum, row) => sum + row[metric], 0) / rows.length;
      expect(report.systems[0].metrics[metric].mean).toBeCloseTo(mean, 5);
    }
    expect(rows[2]).toMatchObject({ copy: true, sta: 0, j: 0 });
    expect(rows[2].sim).toBeCloseTo(1, 5);
    expect(await readFile(markdown, 'utf8')).toContain('| STA | ');
  });

  test('two files: a canned phrase is harmless, and has lost what was said', async () => {
    const one = await pairs('edited.jsonl');
    const two = await pairs('canned.jsonl', () => 'Please be kind.');
    const { stdout, stderr, code } = await runCli(['evaluate', one, two, ...fluency, '--json'], env);
    expect(code, stderr).toBe(0);
    const { systems } = JSON.parse(stdout);
    expect(systems[1].metrics.sta.mean).toBe(1);
    expect(systems[1].differences.sta.mean).toBeGreaterThan(0);
    expect(systems[1].differences.sim.high).toBeLessThan(0);
  });

  test('refuses what cannot be judged, before any work', async () => {
    const file = await pairs('two.jsonl');
    const fails = async (args: string[]) => runCli(['evaluate', ...args], env);
    expect(await fails([])).toMatchObject({ code: 2, stderr: expect.stringContaining('Give a file of pairs') });
    expect(await fails([file, '--run', 'latest'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('not both'),
    });
    expect(await fails([file, '--scores', 'scores.xlsx'])).toMatchObject({ code: 2 });
  });

  test('says why no row was judged, and where the first one failed', async () => {
    const file = join(folder, 'quotes.csv');
    await writeFile(file, 'src,out\n"you" are bad,x\n...,y\n"he" is bad,x\n');
    const { code, stderr } = await runCli(['evaluate', file], env);
    expect(code).toBe(2);
    expect(stderr).toContain('there is no row to judge; left out: 2 bad_quotes, 1 source without words.');
    expect(stderr).toMatch(/The first that failed: .*quotes\.csv, line 2: /);
  });
});
