import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/config.ts';
import { runCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { deleteQueueKeys } from '../support/queues.ts';

const QUEUE = `test-label-${process.pid}`;
/** One word, longer than the scorer's window of 256 tokens. */
const LONG = `${'have_a_nice_day_'.repeat(40)}idiot`;

let folder: string;
let fixture: TestDatabase;
let env: Record<string, string>;
let rows: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'detoxq-label-'));
  rows = join(folder, 'rows.jsonl');
  writeFileSync(rows, ['you are an idiot', 'thank you', LONG].map((text) => `${JSON.stringify({ text })}\n`).join(''));
  fixture = await createTestDatabase();
  env = {
    DATABASE_URL: fixture.url,
    DETOXQ_HOME: join(folder, 'home'),
    DETOXQ_QUEUE: QUEUE,
    PATH: '/usr/bin:/bin',
    ...(process.env.REDIS_URL ? { REDIS_URL: process.env.REDIS_URL } : {}),
  };
});
afterAll(async () => {
  await deleteQueueKeys(QUEUE);
  await fixture.drop();
  rmSync(folder, { recursive: true });
});

/** The bundled scorer with other names for its labels. */
function scorerWith(labels: readonly string[]): string {
  const at = join(folder, labels.join('-'));
  cpSync(join(packageRoot, 'models', 'nano-roberta'), at, { recursive: true });
  const config = JSON.parse(readFileSync(join(at, 'config.json'), 'utf8'));
  writeFileSync(join(at, 'config.json'), JSON.stringify({ ...config, id2label: { ...labels } }));
  return at;
}

const run = (...options: string[]) => runCli(['run', rows, '--processes', '1', '--json', ...options], env);

test('a scorer whose labels have other names works, and what was guessed or asked is said and frozen', {
  timeout: 180_000,
}, async () => {
  const hate = scorerWith(['nothate', 'hate']);
  const guessed = await run('--scorer', hate);
  expect(guessed.code, guessed.stderr).toBe(0);
  expect(JSON.parse(guessed.stdout).outcomes).toMatchObject({ clean: 2 });
  expect(guessed.stderr).toContain('The label "hate" of ');
  expect(guessed.stderr).toContain('is a guess');

  const nice = scorerWith(['fine', 'rude']);
  const refused = await run('--scorer', nice);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(
    'names no label that surely means toxic: "fine", "rude". Say which one does with --toxic-label NAME',
  );
  const unknown = await run('--scorer', nice, '--toxic-label', 'hate');
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('has no label "hate" (--toxic-label). Its labels are "fine", "rude".');
  const asked = await run('--scorer', nice, '--toxic-label', 'RUDE');
  expect(asked.code, asked.stderr).toBe(0);
  expect(asked.stderr).not.toContain('guess');

  const frozen = await fixture.database.query<{ labels: unknown }>(
    "SELECT settings -> 'toxicLabels' AS labels FROM runs ORDER BY created_at",
  );
  expect(frozen.map(({ labels }) => labels)).toEqual([{ scorer: ['hate'] }, { scorer: ['rude'] }]);

  // The same labels the other way round give the complement.
  const reverse = await run('--scorer', nice, '--toxic-label', 'fine');
  expect(reverse.code, reverse.stderr).toBe(0);
  const scores = await fixture.database.query<{ row_no: string; scores: number[] }>(
    'SELECT row_no, array_agg(toxicity_before ORDER BY created_at) AS scores FROM results JOIN runs ON runs.id = run_id WHERE row_no = 1 GROUP BY 1',
  );
  const [one, two, other] = scores[0]?.scores ?? [];
  expect(one).toBe(two);
  expect((one ?? 0) + (other ?? 0)).toBeCloseTo(1, 5);

  // A word that is longer than the window has the same score in both commands.
  const alone = await runCli(
    ['models', 'score', hate, '--precision', 'int8', '--json', '--toxic-label', 'hate', LONG],
    env,
  );
  expect(alone.code, alone.stderr).toBe(0);
  const scored = JSON.parse(alone.stdout);
  expect(scored.windows).toBeGreaterThan(1);
  const [long] = await fixture.database.query<{ score: number }>(
    "SELECT toxicity_before AS score FROM results JOIN runs ON runs.id = run_id WHERE row_no = 2 AND settings -> 'toxicLabels' ->> 'scorer' = '[\"hate\"]'",
  );
  expect(long?.score).toBeCloseTo(scored.probabilities[1], 5);
});

test('models score says where it reads a beginning alone', { timeout: 60_000 }, async () => {
  const nice = scorerWith(['a', 'b']);
  const cut = await runCli(['models', 'score', nice, '--precision', 'int8', LONG], env);
  expect(cut.code, cut.stderr).toBe(0);
  expect(cut.stderr).toContain('longer than the 256 tokens that the model reads: the end did not count');
});
