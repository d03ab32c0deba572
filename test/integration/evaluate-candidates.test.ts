import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../support/cli.ts';
import { linkCompiledModels } from '../support/compiled-models.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let folder: string;
let fixture: TestDatabase;
let env: Record<string, string>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'detoxq-candidates-'));
  linkCompiledModels(folder);
  fixture = await createTestDatabase();
  env = { DATABASE_URL: fixture.url, DETOXQ_HOME: folder, DETOXQ_QUEUE: `test-candidates-${process.pid}` };
});
afterAll(async () => {
  await runCli(['services', 'stop'], env);
  await fixture.drop();
  await rm(folder, { recursive: true });
});

async function detoxq(args: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await runCli(args, env);
  expect(code, stderr).toBe(0);
  return stdout;
}

test('runs that choose among beams agree whatever their chunks, and are evaluated against each other', {
  timeout: 180_000,
}, async () => {
  const texts = [
    'What a stupid idea, Tom. See you at 9.',
    'you are such an idiot',
    'The tea is ready.',
    'nobody wants to hear your shit anymore',
    'Shut up and fix the damn build, it has failed 3 times.',
    'this update is complete garbage',
  ];
  const file = join(folder, 'rows.jsonl');
  await writeFile(file, texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));
  for (const chunkRows of ['6', '1']) {
    const args = ['run', file, '--candidates', '3', '--chunk-rows', chunkRows, '--processes', '1', '--json'];
    expect(JSON.parse(await detoxq(args))).toMatchObject({
      generation: { num_beams: 3, num_return_sequences: 3 },
      rowErrors: 0,
    });
  }

  const [first, second] = await fixture.database.query<{ id: string; hash: string }>(
    'SELECT id, settings_hash AS hash FROM runs ORDER BY created_at',
  );
  expect(first!.hash).toBe(second!.hash);
  const results = (run: string) =>
    fixture.database.query<{ outcome: string; meta: { detoxq?: { candidates: { scores: unknown[] }[] } } | null }>(
      'SELECT row_no, outcome, detoxified, toxicity_after, tokens_out, meta FROM results WHERE run_id = $1 ORDER BY row_no',
      [run],
    );
  const rows = await results(first!.id);
  expect(await results(second!.id)).toEqual(rows);
  const rewritten = rows.filter(({ outcome }) => outcome !== 'clean');
  expect(rewritten.length).toBeGreaterThanOrEqual(4);
  for (const { meta } of rewritten) expect(meta?.detoxq?.candidates[0]?.scores).toHaveLength(3);

  const report = JSON.parse(
    await detoxq(['evaluate', '--run', first!.id, '--run', second!.id, '--judge-sta', 'nano-roberta', '--json']),
  );
  expect(report).toMatchObject({ rows: rewritten.length, rowsRead: 6 });
  expect(report.systems[1].differences.j).toEqual({ mean: 0, low: 0, high: 0, p: 1 });
  expect(
    report.warnings.filter((warning: string) => warning.startsWith('The STA judge nano-roberta is also')),
  ).toHaveLength(2);
});
