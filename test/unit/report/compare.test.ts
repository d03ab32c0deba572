import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { documentText } from '../../../src/cli/terminal/document.ts';
import { packageRoot } from '../../../src/config.ts';
import type { RowResult } from '../../../src/contract/outcome.ts';
import { countTokens, inspectCheckpoint, SYSTEMS, surfaceVocabulary } from '../../../src/engine/index.ts';
import { comparisonSql, pickExamples } from '../../../src/report/comparison/rows.ts';
import { agreement, readLabel, rocCurve } from '../../../src/report/comparison/scorers.ts';
import { compareLikeness, compareTraits } from '../../../src/report/comparison/structure.ts';
import { vocabularyOverlaps } from '../../../src/report/comparison/vocabularies.ts';
import type { Document } from '../../../src/report/document/document.ts';
import { documentHtml } from '../../../src/report/document/html.ts';
import { documentMarkdown } from '../../../src/report/document/markdown.ts';

function folderWith(files: Readonly<Record<string, object>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'detoxq-compare-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, value] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(value));
  return folder;
}

describe('what is the same and what differs', () => {
  it('follows from the configs of the five systems', async () => {
    const inspections = await Promise.all(
      SYSTEMS.map(({ alias }) => {
        const configFile = join(packageRoot, 'models', 'configs', `${alias}.json`);
        return inspectCheckpoint({ name: alias, folder: null, configFile, cacheFolder: '' });
      }),
    );
    const names = SYSTEMS.map(({ alias }) => alias);
    const { same, differs } = compareLikeness(compareTraits(inspections), names);
    expect(same).toEqual(['width: 768', 'heads: 12 of 64', 'feed-forward: 3,072']);
    expect(differs).toContain(
      'norm place: after each sublayer (bart-base-detox, bert-base-uncased, roberta-toxicity); ' +
        'before each sublayer (t5-paraphrase, gpt2)',
    );
    expect(differs).toContain(
      'family: encoder-decoder (bart-base-detox, t5-paraphrase); decoder (gpt2); encoder (bert-base-uncased, roberta-toxicity)',
    );
  });
});

describe('scorers', () => {
  it('have the area under the ROC curve that counting pairs gives, ties as halves', () => {
    const rows = [
      { score: 0.9, toxic: true }, { score: 0.8, toxic: false }, { score: 0.7, toxic: true },
      { score: 0.7, toxic: false }, { score: 0.2, toxic: true }, { score: 0.1, toxic: false },
    ]; // biome-ignore format: a table
    const pairs = rows
      .filter((a) => a.toxic)
      .flatMap((a) => rows.filter((b) => !b.toxic).map((b) => a.score - b.score));
    const counted = pairs.reduce((sum, gap) => sum + (gap > 0 ? 1 : gap === 0 ? 0.5 : 0), 0) / pairs.length;
    const curve = rocCurve(rows);
    expect(curve?.auc).toBeCloseTo(counted, 12);
    expect(curve?.points[0]).toEqual([0, 0]);
    expect(curve?.points.at(-1)).toEqual([1, 1]);
    expect(rocCurve(rows.filter((row) => row.toxic))).toBeNull();
  });

  it('agree on rows that both scored', () => {
    const first = new Map([[0, 0.9], [1, 0.1], [2, 0.6], [3, 0.4]]); // biome-ignore format: a table
    const second = new Map([[0, 0.8], [1, 0.2], [2, 0.3]]); // biome-ignore format: a table
    const found = agreement(['a', first], ['b', second], 0.5);
    expect(found).toMatchObject({ a: 'a', b: 'b', share: 2 / 3 });
    expect(found?.correlation).toBeCloseTo(0.87237, 5);
    expect(agreement(['a', first], ['b', new Map([[9, 0.5]])], 0.5)).toBeNull();
    expect(
      agreement(
        ['a', first],
        [
          'b',
          new Map([
            [0, 0.5],
            [1, 0.5],
          ]),
        ],
        0.5,
      )?.correlation,
    ).toBeNull();
  });

  it('are held against labels as people write them', () => {
    expect(['1', 1, 'true', true, 'Toxic', '0.7'].map(readLabel)).toEqual(Array(6).fill(true));
    expect(['0', 0, 'false', 'neutral', '0.2'].map(readLabel)).toEqual(Array(5).fill(false));
    expect([null, undefined, '', ' ', 'maybe', '7'].map(readLabel)).toEqual(Array(6).fill(null));
  });
});

describe('vocabularies', () => {
  const special = [{ id: 0, content: '<s>', special: true }];

  it('of different kinds are compared by the texts of their tokens', () => {
    const bytes = { pre_tokenizer: { type: 'ByteLevel' }, added_tokens: special };
    const bpe = folderWith({
      'tokenizer.json': { ...bytes, model: { type: 'BPE', vocab: { '<s>': 0, Ġthe: 1, ing: 2, 'Ã¤': 3, Ã: 4 } } },
    });
    const wordPiece = folderWith({
      'tokenizer.json': {
        added_tokens: special,
        model: { type: 'WordPiece', vocab: { '<s>': 0, the: 1, '##ing': 2, '##ä': 3 } },
      },
    });
    const unigram = folderWith({
      'tokenizer.json': { added_tokens: special, model: { type: 'Unigram', vocab: [['<s>', 0], ['▁the', -1], ['ing', -2]] } },
    }); // biome-ignore format: short
    const vocabularies = [bpe, wordPiece, unigram].map((folder) => surfaceVocabulary(folder));
    expect(vocabularies.map((vocabulary) => [...vocabulary])).toEqual([
      [' the', 'ing', 'ä', 'bytes c3'],
      [' the', 'ing', 'ä'],
      [' the', 'ing'],
    ]);
    const named = ['bpe', 'wordpiece', 'unigram'].map((name, at) => ({ name, vocabulary: vocabularies[at]! }));
    expect(vocabularyOverlaps(named)).toEqual([
      { a: 'bpe', b: 'wordpiece', shared: 3, share: 1 },
      { a: 'bpe', b: 'unigram', shared: 2, share: 1 },
      { a: 'wordpiece', b: 'unigram', shared: 2, share: 1 },
    ]);
  });

  it('give tokens per word without special tokens', () => {
    const counts = countTokens(join(packageRoot, 'models', 'nano-roberta'), 6000, ['the cat', 'the', '']);
    expect(counts).toEqual({ words: 3, tokens: 3 });
    expect(() => countTokens(folderWith({}), 6000, ['the'])).toThrow(/has no tokenizer/);
  });
});

describe('rows side by side', () => {
  const row = (rowNo: number, outcome: RowResult['outcome'], detoxified: string | null): RowResult => ({
    rowNo, outcome, detoxified, rowKey: null, text: `text ${rowNo}`, toxicityBefore: 0.5, toxicityAfter: null,
    similarity: null, tokensIn: 1, tokensOut: 1, meta: null,
  }); // biome-ignore format: short

  it('are rows that a system wrote for, spread over the data', () => {
    const rows = Array.from({ length: 100 }, (_, n) =>
      row(n, n % 2 === 0 ? 'detoxified' : 'clean', n % 2 === 0 ? `better ${n}` : null),
    );
    const found = pickExamples([
      { checkpoint: 'a', results: rows },
      { checkpoint: 'b', results: rows.filter(({ rowNo }) => rowNo > 0) },
    ]);
    expect(found).toHaveLength(8);
    expect(found[0]).toEqual({
      rowNo: 0,
      text: 'text 0',
      outputs: [
        { checkpoint: 'a', outcome: 'detoxified', text: 'better 0' },
        { checkpoint: 'b', outcome: 'failed', text: null },
      ],
    });
    expect(found.every(({ rowNo }) => rowNo % 2 === 0)).toBe(true);
    expect(found.at(-1)?.rowNo).toBeGreaterThan(80);
  });

  it('are those on which the systems differ, where there are enough', () => {
    const first = Array.from({ length: 60 }, (_, n) => row(n, 'detoxified', `better ${n}`));
    const second = first.map((same) => (same.rowNo % 3 === 0 ? row(same.rowNo, 'unchanged', null) : same));
    const found = pickExamples([
      { checkpoint: 'a', results: first },
      { checkpoint: 'b', results: second },
    ]);
    expect(found).toHaveLength(8);
    expect(found.every(({ rowNo }) => rowNo % 3 === 0)).toBe(true);
  });

  it('come with SQL in which a name is no SQL', () => {
    expect(comparisonSql(["r1' or '1'='1"])).toContain("IN ('r1'' or ''1''=''1')");
  });
});

describe('a report', () => {
  const nasty = '<script>alert("1")</script> | `x` *y* & \u001b[31m\nnext';
  const document: Document = {
    title: nasty,
    sections: [
      {
        heading: nasty,
        blocks: [
          { kind: 'text', text: nasty },
          { kind: 'list', items: [nasty] },
          { kind: 'table', columns: ['', nasty], rows: [[nasty, '1,234'], ['  part', '5']] },
          { kind: 'bars', title: nasty, format: String, bars: [{ label: nasty, pieces: [{ name: nasty, value: 0 }] }] },
          { kind: 'curves', title: nasty, x: nasty, y: nasty, curves: [{ label: nasty, points: [[0, 0], [1, 1]] }] },
        ],
      },
    ],
  }; // biome-ignore format: short

  it('as HTML holds no markup of its data, no script, and nothing to load', () => {
    const html = documentHtml(document);
    expect(html).not.toMatch(/<script/i);
    expect(html).not.toMatch(/\b(src|href)=|url\(|@import|NaN|Infinity/);
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;');
    expect(html.match(/<svg /g)).toHaveLength(2);
  });

  it('as Markdown keeps its table whole', () => {
    const markdown = documentMarkdown(document);
    expect(markdown).not.toMatch(/<script/i);
    const rows = markdown.split('\n').filter((line) => line.startsWith('|'));
    expect(rows).toHaveLength(4);
    for (const line of rows) expect(line.replaceAll('\\|', '').match(/\|/g)).toHaveLength(3);
  });

  it('on a terminal obeys its width and sends no controls', () => {
    for (const width of [40, 80, 140]) {
      const text = documentText(document, width);
      expect(text).not.toContain('\u001b');
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(width);
    }
    const long = { kind: 'table', columns: ['', 'class'], rows: [['x', 'BertForSequenceClassification']] } as const;
    expect(documentText({ title: '', sections: [{ heading: 'h', blocks: [long] }] }, 24)).toContain(
      'BertForSequence\n',
    );
  });
});
