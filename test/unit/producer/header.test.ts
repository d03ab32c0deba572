import { describe, expect, test } from 'vitest';
import { openPieces } from '../../support/datasets.ts';

async function open(content: string, format: 'csv' | 'tsv' = 'csv') {
  const notes: string[] = [];
  const dataset = await openPieces([content], { format, onNote: (note) => notes.push(note) });
  return { textColumn: dataset.textColumn, notes };
}

const ROWS = [
  'you are such a stupid fool',
  'have a nice day my dear',
  'see you there',
  'what a load of rubbish, really',
];
/** A table of one text and one number, under the header. */
const scored = (header: string) => `${header}\n${ROWS.map((row, at) => `"${row}",${at % 2}`).join('\n')}\n`;
const plain = (header: string) => `${header}\n${ROWS.map((row) => `"${row}"`).join('\n')}\n`;

describe('a file without a header', () => {
  test.each([
    ['a number above numbers', '1,go away idiot\n2,nice day today\n0,you stupid fool\n'],
    ['the number last', 'go away idiot,1\nnice day today,0\n'],
    ['one column', 'go away idiot\nnice day today\nyou stupid fool\n'],
    ['the header was skipped', '17,you idiot,0.5\n18,nice day,0.25\n'],
    ['a date above dates', '2024-01-02,you idiot\n2024-01-03,nice day\n'],
    ['a key above keys', '0000997932d777bf,you idiot\n000103f0d9cfb60f,nice day\n'],
    ['a label that comes again', 'ham,Ok lar\nspam,Free entry now\nham,U dun say so early hor\n'],
    ['a usual name among the values', 'toxic,1,you are an idiot\nok,2,nice day\n'],
  ])('refused: %s', async (_, content) => {
    const opening = open(content);
    await expect(opening).rejects.toThrow(/first line does not look like a header.*--text-column.*--format txt/);
    await expect(opening).rejects.not.toThrow(/idiot|lar/);
  });

  test.each([
    ['two words above such', 'nice day\nyou idiot\ngo away\n'],
    ['a word above words', 'idiot\nmoron\nfool\n'],
    ['a number beside a name', 'remark,1\nyou fool,0\n'],
  ])('noted: %s', async (_, content) => {
    expect((await open(content)).notes).toEqual([
      expect.stringMatching(/its first line was taken as the header, and may be a row/),
    ]);
  });

  test('its cells are not listed', async () => {
    const opening = open('ham\tOk lar\nspam\tFree entry now\n', 'tsv');
    await expect(opening).rejects.toThrow(/cannot tell which column.*Columns: 2, not shown/);
    await expect(opening).rejects.not.toThrow(/ham|lar/);
    const named = openPieces(['2,more text here\n3,you idiot\n'], { format: 'csv', textColumn: 'text' });
    await expect(named).rejects.toThrow(
      'has no column "text" (--text-column). Columns: 2, not shown: the first line may be a row',
    );
  });
});

test('a question is a name where a time stands beside it', async () => {
  const rows = ROWS.map((row, at) => `2024/01/0${at + 1} 10:00:00,"${row}"\n`).join('');
  const header = 'What do you like, and why?';
  expect(await open(`Timestamp,"${header}"\n${rows}`)).toEqual({ textColumn: header, notes: [] });
});

describe('headers of many kinds are taken without a note', () => {
  test.each([
    'remark,score',
    'Kommentar,Bewertung',
    'opinion,toxic',
    'Reddit Comment,hate',
    'What did you dislike?,rating',
    '"Please tell us, in your words, what went wrong",1-5',
    'document_text,is_hate',
    'toxic sentence,1st annotator',
    'ngram,2019',
    'Your answer,Q1',
    'texte du commentaire,note',
    '评论内容,标签',
    'utterances (raw),label',
  ])('%s', async (header) => {
    expect((await open(scored(header))).notes).toEqual([]);
  });

  test.each([
    'remark',
    'feedback',
    'Customer feedback',
    'abuse',
    'Kommentartext',
    'free_text',
    'reviewText',
    '0',
    '标题',
  ])('alone: %s', async (header) => {
    expect(await open(plain(header))).toEqual({ textColumn: header, notes: [] });
  });

  test.each([
    [',0\n0,you are a fool\n1,have a nice day\n', '0'],
    ['0,1\n5,you are a fool\n6,have a nice day\n', '1'],
    ['word\nidiot\nmoron\n', 'word'],
    ['id,word\n1,idiot\n2,moron\n', 'word'],
    ['text,1\nyou are a fool,1\nhave a nice day,0\n', 'text'],
    ['text\ntext\nyou\n', 'text'],
    ['toxic,neutral1,neutral2\nyou are a fool,you are wrong,you err\ngo to hell,leave,please go\n', 'toxic'],
  ])('%j', async (content, textColumn) => {
    expect(await open(content)).toEqual({ textColumn, notes: [] });
  });
});
