import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Comparison } from '../../src/report/comparison/comparison.ts';
import { runCli } from '../support/cli.ts';
import { linkCompiledModels } from '../support/compiled-models.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { emptyPath } from '../support/services-home.ts';

const ROWS = [
  ['Thanks, that fixed it for me.', 'neutral'],
  ['What a stupid idiot you are.', 'toxic'],
  ['The train leaves at nine.', 'neutral'],
  ['shut up, you worthless moron', 'toxic'],
  ['I do not agree, and here is why.', 'neutral'],
  ['this is a piece of shit and so is its author', 'toxic'],
];

describe('detoxq models compare', () => {
  let folder: string;
  let fixture: TestDatabase;
  let env: Record<string, string>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'detoxq-compare-'));
    linkCompiledModels(join(folder, 'home'));
    fixture = await createTestDatabase();
    // Without Redis: the queue is in Postgres.
    env = { DATABASE_URL: fixture.url, DETOXQ_HOME: join(folder, 'home'), PATH: emptyPath };
    const lines = ROWS.map(([text, label]) => JSON.stringify({ text, label }));
    writeFileSync(join(folder, 'rows.jsonl'), `${lines.join('\n')}\n`);
  });
  afterAll(async () => {
    await fixture.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('measures bundled checkpoints as ordinary runs and writes the report in every form', async () => {
    const out = ['compare.html', 'compare.md'].map((name) => join(folder, name));
    const { code, stdout, stderr } = await runCli(
      [
        ...['models', 'compare', 'nano-bart', 'nano-roberta', 'gpt2', '--data', join(folder, 'rows.jsonl')],
        ...['--label-column', 'label', '--processes', '1', '--json', ...out.flatMap((path) => ['--out', path])],
      ],
      env,
    );
    expect(code, stderr).toBe(0);
    const comparison: Comparison = JSON.parse(stdout);

    expect(comparison.data).toMatchObject({ rows: 6, labels: { column: 'label', rows: 6, toxic: 3 } });
    const [detoxifier] = comparison.detoxifiers;
    expect(detoxifier).toMatchObject({ checkpoint: 'nano-bart', standsFor: null, run: { rowsDone: 6, rowErrors: 0 } });
    expect(detoxifier?.run.toxicityAfter).toBeLessThan(detoxifier?.run.toxicityBefore ?? 0);
    expect(comparison.judged).toMatchObject({
      rows: 3,
      judges: { sim: { name: 'nano-sim' }, fl: { name: 'nano-fluency' } },
    });
    const { sta, sim, j } = detoxifier?.quality ?? {};
    expect(sta?.mean).toBeGreaterThan(0.5);
    expect(sim?.mean).toBeLessThan(1);
    expect(j?.low).toBeLessThanOrEqual(j?.mean ?? 0);
    expect(detoxifier?.memoryBytes).toBeGreaterThan(50e6);
    expect(comparison.scorers.find(({ checkpoint }) => checkpoint === 'nano-roberta')).toMatchObject({
      auc: 1,
      accuracy: 1,
      toxicShare: 0.5,
    });
    // Not on disk: described from its published config, and measured by the bundled one.
    expect(comparison.detoxifiers[1]).toMatchObject({
      checkpoint: 'nano-gpt2',
      standsFor: 'gpt2',
      run: { rowsDone: 6 },
    });
    expect(comparison.systems.find(({ name }) => name === 'gpt2')?.inspection.parameters?.total).toBe(124_439_808);

    // The pair was measured by one run, which can be queried.
    const runs = await fixture.database.query<{ name: string; state: string }>(
      'SELECT name, state FROM runs WHERE name LIKE $1',
      ['%nano-bart, nano-roberta'],
    );
    expect(runs).toEqual([{ name: 'compare: nano-bart, nano-roberta', state: 'done' }]);
    const rows = await fixture.database.query<{ text: string; outcome: string }>(comparison.sql ?? '');
    expect(rows.map(({ text }) => text)).toEqual(expect.arrayContaining(ROWS.map(([text]) => text)));
    expect(comparison.examples.map(({ text }) => text)).toEqual([1, 3, 5].map((at) => ROWS[at]?.[0]));

    const [html = '', markdown = ''] = out.map((path) => readFileSync(path, 'utf8'));
    expect(html).toContain('Content-Security-Policy');
    expect(html).toContain('ROC');
    for (const text of [html, markdown]) expect(text).toContain('shut up, you worthless moron');
    expect(markdown).toContain('## What differs');
  });

  it('refuses a label column that is not there and an ending that is no report, before anything runs', async () => {
    const data = ['--data', join(folder, 'rows.jsonl')];
    const label = await runCli(['models', 'compare', 'nano-bart', ...data, '--label-column', 'nope'], env);
    expect(label.code).toBe(2);
    expect(label.stderr).toContain('"nope"');
    const ending = await runCli(['models', 'compare', 'nano-bart', ...data, '--out', 'report.pdf'], env);
    expect(ending.code).toBe(2);
    expect(ending.stderr).toContain('.md or .html');
  });
});
