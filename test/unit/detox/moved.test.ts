import { describe, expect, it } from 'vitest';
import { compareResults, type Judged } from '../../../src/detox/moved.ts';

const clean: Judged = { text: 'a fine day', detoxified: null, toxicityBefore: 0.1 };
const blank: Judged = { text: ' ', detoxified: null, toxicityBefore: null };
const rewritten = (detoxified: string | null): Judged => ({ text: 'you utter fool', detoxified, toxicityBefore: 0.9 });

const compare = (first: readonly Judged[], second: readonly Judged[]) => compareResults(first, second, 0.5);

describe('what moves between two forms of the same models', () => {
  it('is nothing where results are the same', () => {
    const rows = [clean, blank, rewritten('you are wrong'), rewritten(null), null];
    expect(compare(rows, rows)).toMatchObject({
      ...{ checkedRows: 5, movedLabels: 0, rewrittenRows: 1, words: 3, movedWords: 0 },
    });
  });

  it('is a label where one is toxic and the other is not, and where only one has a result', () => {
    const moved = compare([clean, rewritten('x'), clean, null], [rewritten('x'), clean, null, rewritten('x')]);
    expect(moved).toMatchObject({ checkedRows: 4, movedLabels: 4, rewrittenRows: 0, words: 0 });
    expect(moved.labelBound).toBe(1);
  });

  it('is the words that a rewrite has in place of others, more, or fewer', () => {
    const one = rewritten('you are quite wrong, friend');
    expect(compare([one], [rewritten('you are rather wrong, friend')])).toMatchObject({ words: 6, movedWords: 1 });
    expect(compare([one], [rewritten('you are wrong, friend')])).toMatchObject({ words: 6, movedWords: 1 });
    expect(compare([one], [rewritten('you are quite, quite wrong, friend')])).toMatchObject({ movedWords: 2 });
  });

  it('compares the text itself where only one of them was rewritten', () => {
    expect(compare([rewritten('you fool')], [rewritten(null)])).toMatchObject({
      rewrittenRows: 1,
      words: 2,
      movedWords: 1,
    });
  });

  it('bounds the share of labels by 95 %, as Clopper and Pearson do', () => {
    const rows = Array.from({ length: 3000 }, () => clean);
    expect(compare(rows, rows).labelBound).toBeCloseTo(0.000998, 6);
  });
});
