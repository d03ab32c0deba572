import { describe, expect, it } from 'vitest';
import type { RowError, RowResult } from '../../../src/contract/outcome.ts';
import { readLabels } from '../../../src/report/comparison/measures.ts';
import { evaluateRows } from '../../../src/report/evaluation/evaluation.ts';
import { evaluationMarkdown } from '../../../src/report/evaluation/markdown.ts';
import { type EvaluatedSystem, reportEvaluation } from '../../../src/report/evaluation/report.ts';
import { referenceReader, runRows } from '../../../src/report/evaluation/run-rows.ts';
import { scoreLines } from '../../../src/report/evaluation/score-lines.ts';
import type { RowScores } from '../../../src/report/evaluation/score-rows.ts';
import { joinSystems, type RowTally, type SystemRow } from '../../../src/report/evaluation/system-rows.ts';
import { createFakeJudges } from '../../support/fake-judges.ts';

const OWN = { textColumn: 'text', idColumn: null };

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}

function result(rowNo: number, outcome: RowResult['outcome'], text: string, detoxified: string | null): RowResult {
  return {
    ...{ rowNo, rowKey: `k${rowNo}`, outcome, text, detoxified },
    ...{ toxicityBefore: 0.9, toxicityAfter: null, similarity: null, tokensIn: 1, tokensOut: 1 },
    meta: { ref: 'a plan', other: [7], ref2: ' ' },
  };
}

const results = [
  result(0, 'detoxified', 'rotten plan', 'plan'),
  result(2, 'unchanged', 'rotten tea', null),
  result(3, 'rejected', 'awful tea', null),
  result(4, 'clean', 'the tea', null),
];
const errors: RowError[] = [
  { rowNo: 1, rowKey: null, stage: 'engine', code: 'engine_crashed', message: 'signal', attempts: 2 },
  { rowNo: 5, rowKey: null, stage: 'read', code: 'not_utf8', message: 'line 7', attempts: 1 },
];
const rowsOfRun = (): AsyncGenerator<SystemRow> =>
  runRows(each(results), each(errors), referenceReader(['ref', 'ref2', 'other', 'none'], OWN));

async function report(
  systems: readonly (EvaluatedSystem & { rows: AsyncIterable<SystemRow> })[],
  chrfAgainst: 'source' | 'references' = 'source',
) {
  const tally: RowTally = { read: 0, leftOut: new Map(), failedAsCopies: systems.map(() => 0) };
  const scores: RowScores[] = [];
  const judges = createFakeJudges(['rotten', 'awful'], ['rotten', 'awful', 'plan', 'tea', 'the']);
  const evaluation = await evaluateRows(joinSystems(systems, 'toxic', tally), {
    systems: systems.map(({ name }) => name),
    judges,
    chrfAgainst,
    onScores: (rows) => {
      scores.push(...rows);
    },
  });
  return { report: reportEvaluation(evaluation, tally, systems), scores };
}

const scorer = { name: 'the-scorer', architecture: 'fake', digest: 'e'.repeat(64), precision: 'int8' } as const;

describe('evaluation of a run', () => {
  it('reads results and errors in order; what was left unchanged or rejected is a copy', async () => {
    const rows = await all(rowsOfRun());
    expect(rows.map((row) => (row.kind === 'failed' ? row.reason : [row.output, row.isClean]))).toEqual([
      ['plan', false],
      'engine_crashed',
      ['rotten tea', false],
      ['awful tea', false],
      ['the tea', true],
      'not_utf8',
    ]);
    expect(rows[0]).toMatchObject({ references: ['a plan'] });
  });

  it('says what was left out and why, and warns of failed rows', async () => {
    const { report: run } = await report([{ name: 'r1', models: { scorer }, rows: rowsOfRun() }]);
    expect(run.rows).toBe(3);
    expect(run.rowsRead).toBe(6);
    expect(run.leftOut).toEqual({ 'found clean': 1, engine_crashed: 1, not_utf8: 1 });
    expect(run.systems[0]).toMatchObject({ copies: 2, metrics: { sta: { mean: expect.closeTo(1 / 3, 6) } } });
    expect(run.warnings).toEqual([expect.stringMatching(/^2 rows failed \(engine_crashed 1, not_utf8 1\)/)]);
  });

  it('warns when a judge had a say in what it judges, by digest and not by name', async () => {
    const judge = { ...scorer, name: 'a copy elsewhere', digest: 'c'.repeat(64) };
    const { report: run } = await report([{ name: 'r1', models: { scorer: judge }, rows: rowsOfRun() }]);
    expect(run.warnings.filter((warning) => warning.includes('also the scorer of r1'))).toHaveLength(3);
    expect(run.warnings[0]).toContain('--judge-sta');
  });

  it('is JSON and Markdown that say who judged, what is meant, and how sure it is', async () => {
    const other = [result(0, 'unchanged', 'rotten plan', null), ...results.slice(1)];
    const { report: two } = await report([
      { name: 'r1', models: { scorer }, rows: rowsOfRun() },
      { name: 'r2|x', models: {}, rows: runRows(each(other), each(errors), referenceReader([], OWN)) },
    ]);
    expect(JSON.parse(JSON.stringify(two))).toEqual(two);
    const text = evaluationMarkdown(two);
    expect(text).toContain('| STA | 0.333 (0.000 to 1.000) | 0.000 (0.000 to 0.000) | -0.333 (-1.000 to 0.000) | ');
    expect(text).toContain('| r1 | scorer | the-scorer (int8, sha256 eeeeeeeeeeee) |');
    expect(text).toContain('r2\\|x');
    expect(text).toContain('fake-fl (fake, fp32, sha256 cccccccccccc), reads model form, punctuation joined');
    expect(text).toContain('against the source, since there are no references');
    expect(text).not.toContain('rotten');
  });

  it('writes a line a row and system, without text', async () => {
    const { scores } = await report([{ name: 'r1', models: {}, rows: rowsOfRun() }]);
    const csv = scoreLines('scores.csv', ['r1']);
    const lines = (csv.header + csv.of(scores)).trimEnd().split('\n');
    expect(lines[0]).toBe('row_no,row_key,system,sta,sim,fl,j,soft_sta,soft_fl,soft_j,chrf,copy,blank');
    expect(lines[2]).toBe('2,k2,r1,0,1,1,0,0.1,0.8,0.08,1,true,false');
    expect(lines).toHaveLength(4);
    const jsonl = scoreLines('scores.jsonl', ['r1']);
    const [first] = (jsonl.header + jsonl.of(scores)).split('\n');
    expect(JSON.parse(first!)).toMatchObject({ row_no: 0, system: 'r1', sta: 1, fl: 1, copy: false });
    expect(() => scoreLines('scores.xlsx', [])).toThrow('the ending must be .jsonl, .csv, .tsv');
  });
});

describe('references that no row has', () => {
  it('are no figure: chrF is not measured, which a warning says', async () => {
    const rows = (output: string) =>
      each<SystemRow>([
        { kind: 'output', rowNo: 0, rowKey: null, source: 'rotten tea', output, references: [], isClean: false },
      ]);
    const systems = [
      { name: 'a', models: {}, rows: rows('tea') },
      { name: 'b', models: {}, rows: rows('the tea') },
    ];
    const { report: measured } = await report(systems, 'references');
    expect(measured.warnings).toContain(
      'No judged row has a reference, so chrF was not measured (–): see --ref-column.',
    );
    expect(evaluationMarkdown(measured)).toMatch(/\| chrF \| – \| – \| – \| – \|/);
    expect(evaluationMarkdown(measured)).not.toContain('NaN');
  });
});

describe('columns of a run', () => {
  it('are found wherever its rows keep them', async () => {
    const row = { ...result(0, 'unchanged', 'rotten plan', null), meta: { detoxq: { guard: [] }, detoxq_: 'a plan' } };
    const read = referenceReader(['detoxq', 'nr', 'post', 'guard'], { textColumn: 'post', idColumn: 'nr' });
    expect(read(row)).toEqual(['a plan', 'k0', 'rotten plan']);
    const labelled = { ...row, rowKey: '1' };
    const own = { textColumn: 'post', idColumn: 'toxic' };
    expect([...readLabels([labelled], 'toxic', own).byRow]).toEqual([[0, true]]);
  });
});
