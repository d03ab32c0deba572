import { describe, expect, it } from 'vitest';
import { DatasetError } from '../../../src/contract/errors.ts';
import { chrf } from '../../../src/detox/chrf.ts';
import { evaluateRows } from '../../../src/report/evaluation/evaluation.ts';
import type { EvaluationRow, RowScores } from '../../../src/report/evaluation/score-rows.ts';
import {
  joinSystems,
  LEFT_CLEAN,
  NO_WORDS,
  type RowTally,
  type SystemRow,
} from '../../../src/report/evaluation/system-rows.ts';
import { createFakeJudges } from '../../support/fake-judges.ts';

const judges = () => createFakeJudges(['rotten', 'awful'], ['rotten', 'awful', 'the', 'plan', 'tea', 'is']);

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

const row = (rowNo: number, source: string, outputs: (string | null)[], references: string[] = []): EvaluationRow => ({
  rowNo,
  rowKey: null,
  source,
  outputs,
  references,
});

async function evaluateAll(rows: readonly EvaluationRow[], options: { against?: 'references' | 'source' } = {}) {
  const scores: RowScores[] = [];
  const evaluation = await evaluateRows(each(rows), {
    systems: (rows[0]?.outputs ?? []).map((_, at) => `system ${at}`),
    judges: judges(),
    ...(options.against === undefined ? {} : { chrfAgainst: options.against }),
    onScores: (batch) => {
      scores.push(...batch);
    },
  });
  return { evaluation, scores };
}

describe('evaluation', () => {
  it('takes J as the mean of the products of a sentence, not as the product of means', async () => {
    // Neutral and like its source by half; a copy that is still rotten; neutral and like, but not acceptable.
    const { evaluation } = await evaluateAll([
      row(0, 'rotten plan', ['plan']),
      row(1, 'awful tea', ['awful tea']),
      row(2, 'the plan', ['the the plan']),
    ]);
    const { metrics, copies } = evaluation.systems[0]!;
    const half = Math.SQRT1_2;
    const stuttered = 3 / Math.sqrt(2 * 5);
    expect(metrics.sta.mean).toBeCloseTo(2 / 3, 6);
    expect(metrics.sim.mean).toBeCloseTo((half + 1 + stuttered) / 3, 6);
    expect(metrics.fl.mean).toBeCloseTo(2 / 3, 6);
    expect(metrics.j.mean).toBeCloseTo(half / 3, 6);
    expect(metrics.softSta.mean).toBeCloseTo((0.9 + 0.1 + 0.9) / 3, 6);
    expect(metrics.softFl.mean).toBeCloseTo((0.8 + 0.8 + 0.2) / 3, 6);
    expect(metrics.softJ.mean).toBeCloseTo((0.9 * half * 0.8 + 0.1 * 0.8 + 0.9 * stuttered * 0.2) / 3, 6);
    expect(copies).toBe(1);
  });

  it('shows every judge the model form, and the fluency judge of the paper its punctuation joined', async () => {
    const asked = judges();
    const rows = each([row(0, 'The PLAN, is awful!', ['The plan (is) fine, see https://example.org.'])]);
    await evaluateRows(rows, { systems: ['one'], judges: asked });
    expect(asked.calls.sta).toEqual([['the plan ( is ) fine , see urlx .']]);
    expect(asked.calls.fl).toEqual([['the plan (is) fine, see urlx.']]);
    expect(asked.calls.sim).toEqual([['the plan ( is ) fine , see urlx .', 'the plan , is awful !']]);
  });

  it('gives an output without words 0 in every metric, and asks no judge about it', async () => {
    const { evaluation, scores } = await evaluateAll([
      row(0, 'rotten plan', [null]),
      row(1, 'rotten plan', [' ']),
      row(2, 'rotten plan', ['🤬 ...']),
    ]);
    expect(evaluation.systems[0]!.blanks).toBe(3);
    for (const { mean } of Object.values(evaluation.systems[0]!.metrics)) expect(mean).toBe(0);
    expect(scores.every(({ outputs }) => outputs[0]!.isBlank)).toBe(true);
  });

  it('compares with the best of several references, and leaves rows without one out of chrF alone', async () => {
    const { evaluation } = await evaluateAll(
      [row(0, 'rotten plan', ['The plan is tea'], ['unlike', 'the plan is TEA']), row(1, 'rotten tea', ['tea'])],
      { against: 'references' },
    );
    expect(evaluation.chrfRows).toBe(1);
    expect(evaluation.systems[0]!.metrics.chrf.mean).toBe(1);
    expect(evaluation.rows).toBe(2);
    expect(evaluation.systems[0]!.metrics.sta.mean).toBe(1);
  });

  it('compares with the source where no references are wanted', async () => {
    const { evaluation } = await evaluateAll([row(0, 'the rotten plan', ['the plan'])]);
    expect(evaluation.systems[0]!.metrics.chrf.mean).toBeCloseTo(chrf('the plan', 'the rotten plan'), 6);
  });

  it('pairs the rows of two systems: equal systems differ by exactly nothing', async () => {
    const rows = Array.from({ length: 300 }, (_, i) =>
      row(i, 'rotten plan', i % 3 ? ['plan', 'plan'] : ['tea', 'tea']),
    );
    const { evaluation } = await evaluateAll(rows);
    expect(evaluation.systems[0]!.differences).toBeNull();
    expect(evaluation.systems[1]!.differences!.j).toEqual({ mean: 0, low: 0, high: 0, p: 1 });
  });

  it('sees a small steady difference that unpaired intervals would hide', async () => {
    // Both fail on the same half of the rows; the second is a little more like its source on the rest.
    const rows = Array.from({ length: 200 }, (_, i) =>
      row(i, 'rotten plan is tea', i % 2 ? ['awful', 'awful'] : ['plan is', 'plan is tea']),
    );
    const { evaluation } = await evaluateAll(rows);
    const [first, second] = evaluation.systems;
    const { j } = second!.differences!;
    expect(first!.metrics.j.high).toBeGreaterThan(second!.metrics.j.low);
    expect(j.low).toBeGreaterThan(0);
    expect(j.p).toBeLessThan(0.01);
    expect(j.mean).toBeCloseTo(second!.metrics.j.mean - first!.metrics.j.mean, 9);
  });

  it('counts the rows of which a judge does not see the end', async () => {
    const long = 'plan '.repeat(40);
    const { evaluation } = await evaluateAll([row(0, `rotten ${long}`, ['plan']), row(1, 'rotten', [long])]);
    expect(evaluation.judges.sim.rowsCut).toBe(2);
    expect(evaluation.judges.sta.rowsCut).toBe(1);
  });
});

describe('rows of systems', () => {
  const output = (rowNo: number, source: string, text: string | null, isClean = false): SystemRow => ({
    kind: 'output',
    rowNo,
    rowKey: `k${rowNo}`,
    source,
    output: text,
    references: [],
    isClean,
  });
  const failed = (rowNo: number): SystemRow => ({
    kind: 'failed',
    rowNo,
    rowKey: null,
    reason: 'engine_crashed',
    message: 'a place',
  });

  async function join(systems: readonly SystemRow[][], only: 'toxic' | 'all' = 'toxic') {
    const tally: RowTally = { read: 0, leftOut: new Map(), failedAsCopies: systems.map(() => 0) };
    const inputs = systems.map((rows, at) => ({ name: 'AB'[at]!, rows: each(rows) }));
    const rows: EvaluationRow[] = [];
    for await (const joined of joinSystems(inputs, only, tally)) rows.push(joined);
    return { rows, tally };
  }

  it('judges what a run found toxic, and says what it left out', async () => {
    const { rows, tally } = await join([
      [output(0, 'a', 'b'), output(1, 'c', 'c', true), failed(2), output(3, '?!', 'x'), output(4, 'd', null)],
    ]);
    expect(rows.map(({ rowNo, outputs }) => [rowNo, outputs])).toEqual([
      [0, ['b']],
      [4, [null]],
    ]);
    expect(tally).toEqual({
      read: 5,
      firstFault: 'a place',
      leftOut: new Map([
        [LEFT_CLEAN, 1],
        ['engine_crashed', 1],
        [NO_WORDS, 1],
      ]),
      failedAsCopies: [0],
    });
  });

  it('judges clean rows too when all are wanted', async () => {
    const { rows } = await join([[output(0, 'a', 'a', true)]], 'all');
    expect(rows.map(({ outputs }) => outputs)).toEqual([['a']]);
  });

  it('judges a row that one of two systems found toxic: what the other left alone, or failed on, is a copy', async () => {
    const { rows, tally } = await join([
      [output(0, 'a', 'b'), output(1, 'c', 'c', true), output(2, 'd', 'e'), failed(3)],
      [output(0, 'a', 'a', true), output(1, 'c', 'c', true), failed(2), failed(3)],
    ]);
    expect(rows.map(({ rowNo, outputs }) => [rowNo, outputs])).toEqual([
      [0, ['b', 'a']],
      [2, ['e', 'd']],
    ]);
    expect(tally.failedAsCopies).toEqual([0, 1]);
    expect([...tally.leftOut]).toEqual([
      [LEFT_CLEAN, 1],
      ['engine_crashed', 1],
    ]);
  });

  it('refuses systems with other sources, without quoting them', async () => {
    const other = join([[output(0, 'a', 'b')], [output(0, 'secret', 'b')]]);
    await expect(other).rejects.toThrow(DatasetError);
    await expect(other).rejects.toThrow(/^row 1 of A and B has different sources(?!.*secret)/);
    await expect(join([[output(0, 'a', 'b'), output(1, 'a', 'b')], [output(0, 'a', 'b')]])).rejects.toThrow(
      'B has no row 2',
    );
  });

  it('takes sources that differ in form only as the same', async () => {
    const { rows } = await join([[output(0, 'You, there!', 'b')], [output(0, 'you , there !', 'c')]]);
    expect(rows).toHaveLength(1);
  });
});
