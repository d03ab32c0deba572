import { describe, expect, test } from 'vitest';
import { openPieces } from '../../support/datasets.ts';

type Values = Readonly<Record<string, string | number | null | readonly string[]>>;

/** A column's values, from a list that is repeated. */
const rowsOf = (count: number, of: (at: number) => Values): Values[] =>
  Array.from({ length: count }, (_, at) => of(at));

const WORDS = 'you are such a stupid idiot and nobody likes what you write here at all friend'.split(' ');
/** Different words, about `length` of them. */
const text = (at: number, length = 10): string =>
  Array.from(
    { length: Math.max(1, length + ((at * 7) % 5) - 2) },
    (_, word) => WORDS[(at * 3 + word * 5) % WORDS.length],
  ).join(' ');

/** The column that is taken, or the error. */
async function guess(rows: readonly Values[], format: 'jsonl' | 'csv' = 'jsonl'): Promise<string | null> {
  const content =
    format === 'jsonl'
      ? rows.map((row) => JSON.stringify(row)).join('\n')
      : [Object.keys(rows[0] ?? {}), ...rows.map((row) => Object.values(row))]
          .map((cells) => cells.map((cell) => `"${String(cell ?? '').replaceAll('"', '""')}"`).join(','))
          .join('\n');
  return (await openPieces([content], { format })).textColumn;
}

const TAKEN: readonly (readonly [string, Values[], string])[] = [
  [
    'an origin beside content',
    [
      { source: 'Stack Exchange', content: 'you are a stupid idiot' },
      { source: 'Common Crawl', content: 'go to hell' },
    ],
    'content',
  ],
  [
    'a long title beside a short text',
    rowsOf(30, (at) => ({ text: text(at, 3), title: text(at + 9, 12), url: `https://example.org/${at}` })),
    'text',
  ],
  [
    'what comes with posts',
    rowsOf(60, (at) => ({
      id: at,
      author: 'Some Body Here',
      date: 'Mon Apr 06 22:19:45 PDT 2009',
      subreddit: 'a sub',
      body: text(at, 3),
      body_html: `<div class="md"><p>${text(at, 9)}</p></div>`,
      permalink: `/r/x/${at}`,
    })),
    'body',
  ],
  [
    'a parallel corpus',
    rowsOf(100, (at) => ({
      toxic: text(at, 8),
      neutral1: text(at + 1, 7),
      neutral2: text(at + 2, 14),
      neutral3: at % 2 ? '' : text(at, 6),
    })),
    'toxic',
  ],
  [
    'two rows of it',
    [
      { toxic: 'you idiot', neutral1: 'you are not being very smart' },
      { toxic: 'shut up', neutral1: 'please be quiet' },
    ],
    'toxic',
  ],
  [
    'labels beside comment_text',
    rowsOf(50, (at) => ({ id: `a${at}f`, comment_text: text(at, 40), toxic: 0, insult: 1 })),
    'comment_text',
  ],
  [
    'tweets',
    rowsOf(50, (at) => ({
      target: 0,
      ids: 14678 + at,
      date: 'Mon Apr 06 22:19:45 PDT 2009',
      flag: 'NO_QUERY',
      user: `user${at}`,
      text: text(at, 12),
    })),
    'text',
  ],
  [
    'an article that many comments share',
    rowsOf(60, (at) => ({ comment: text(at, 8), article: `${text(1, 60)} ${at % 3}` })),
    'comment',
  ],
  [
    'a longer text that few rows have',
    rowsOf(60, (at) => ({ text: text(at, 8), note: at % 10 === 0 ? text(at, 30) : '' })),
    'text',
  ],
  [
    'its cleaned form',
    rowsOf(40, (at) => ({ text: text(at, 6), clean_text: text(at, 12), text_translated: text(at, 14) })),
    'text',
  ],
  [
    'lists and JSON',
    rowsOf(40, (at) => ({ text: text(at, 4), extra: JSON.stringify({ a: text(at, 30) }), spans: ['a', 'b'] })),
    'text',
  ],
  ['a lexicon', rowsOf(40, (at) => ({ id: at, text: WORDS[at % 14] ?? '', label: 'toxic' })), 'text'],
  ['a short post and its long body', rowsOf(40, (at) => ({ post: text(at, 3), body: text(at, 40) })), 'body'],
  ['other spellings of the name', rowsOf(20, (at) => ({ reviewText: text(at), summary: text(at, 3) })), 'reviewText'],
  ['the only strings', rowsOf(20, (at) => ({ id: at, remark: text(at), score: 0.5 })), 'remark'],
  [
    'short messages under long titles',
    rowsOf(40, (at) => ({ text: WORDS[at % 14] ?? '', title: text(at, 6), user_name: `Some Body ${WORDS[at % 14]}` })),
    'text',
  ],
  [
    'phrases beside times and links',
    rowsOf(20, (at) => ({ when: `2024/01/02 10:00:${10 + at}`, page: `https://example.org/${at}`, remark: text(at) })),
    'remark',
  ],
  ['one column of anything', rowsOf(20, (at) => ({ text: `${at}` })), 'text'],
  [
    'Chinese',
    rowsOf(20, (at) => ({ text: '你这个白痴什么都不懂还在这里说话'.slice(at % 4), source: 'a b c' })),
    'text',
  ],
];

const REFUSED: readonly (readonly [string, Values[], RegExp])[] = [
  [
    'a remark called comment beside tweets',
    [
      { id: 1, tweet: 'you are a stupid idiot', comment: 'needs second look' },
      { id: 2, tweet: 'go to hell', comment: 'ok' },
    ],
    /"comment" has a usual name, but "tweet" holds more text|"comment" and "tweet" may each be the text/,
  ],
  ['ids called text', rowsOf(20, (at) => ({ text: `t1_${at}c`, remark: text(at), title: text(at, 4) })), /cannot tell/],
  [
    'numbers called text',
    [
      { id: 1, text: 98213, label: 'toxic', mood: 'bad' },
      { id: 2, text: 98214, label: 'clean', mood: 'good' },
    ],
    /cannot tell/,
  ],
  [
    'a label called text',
    rowsOf(30, (at) => ({ text: ['needs review', 'ok'][at % 2] ?? '', utter: text(at, 9) })),
    /"text" has a usual name, but "utter" holds more text/,
  ],
  [
    'an origin beside an unknown name',
    [
      { source: 'Stack Exchange', blurb: 'you are a stupid idiot' },
      { source: 'Common Crawl', blurb: 'go to hell' },
    ],
    /"source" has a usual name, but "blurb" holds more text/,
  ],
  [
    'two that are alike',
    rowsOf(30, (at) => ({ tweet: text(at), message: text(at + 3) })),
    /"tweet" and "message" may each be the text/,
  ],
  ['an empty text', rowsOf(30, (at) => ({ text: '', narrative: text(at) })), /"narrative" holds more text/],
  [
    'labels beside another form of the name',
    rowsOf(20, (at) => ({ review: ['positive', 'negative'][at % 2] ?? '', full_review: text(at, 8) })),
    /"full_review" holds more text/,
  ],
  [
    'labels under a certain name',
    rowsOf(20, (at) => ({ text: ['toxic', 'neutral'][at % 2] ?? '', original_text: text(at, 8) })),
    /"original_text" holds more text/,
  ],
  [
    'slugs beside the post',
    rowsOf(20, (at) => ({ post: `why-${WORDS[at % 16]}-${'abcdefghijklmnopqrst'[at]}`, post_message: text(at, 8) })),
    /"post_message" holds more text/,
  ],
  [
    'types beside a title',
    rowsOf(20, (at) => ({ content: ['image', 'video'][at % 2] ?? '', title: text(at, 8) })),
    /"title" holds more text/,
  ],
  [
    'forms beside HTML',
    rowsOf(20, (at) => ({ text: ['plain', 'rich'][at % 2] ?? '', html: `<p>${text(at, 8)}</p>` })),
    /"html" holds more text/,
  ],
  [
    'origins beside a rewrite',
    rowsOf(20, (at) => ({ source: ['Stack Overflow', 'Reddit'][at % 2] ?? '', target_text: text(at, 8) })),
    /"source" has a usual name, but "target_text" holds more text/,
  ],
  [
    'labels of two words beside a rewrite',
    rowsOf(20, (at) => ({ toxic: ['very toxic', 'not toxic'][at % 2] ?? '', paraphrase: text(at, 8) })),
    /"toxic" has a usual name, but "paraphrase" holds more text/,
  ],
  [
    'a label alone',
    rowsOf(20, (at) => ({ id: at, label: ['toxic', 'ok'][at % 2] ?? '' })),
    /"label" is the only column of strings, and holds labels/,
  ],
  [
    'two rows of labels',
    [
      { score: 1, label: 'toxic' },
      { score: 0, label: 'ok' },
    ],
    /holds labels/,
  ],
  [
    'few words under an unknown name',
    rowsOf(20, (at) => ({ score: at, verdict: ['toxic', 'fine', 'bad'][at % 3] ?? '' })),
    /holds labels/,
  ],
  ['links alone', rowsOf(30, (at) => ({ id: at, link: `https://example.org/${at}` })), /cannot tell/],
];

describe('the text column that is guessed', () => {
  test.each(TAKEN)('taken: %s', async (_, rows, column) => {
    expect(await guess(rows)).toBe(column);
    expect(await guess(rows, 'csv')).toBe(column);
  });

  test.each(REFUSED)('refused: %s', async (_, rows, message) => {
    for (const format of ['jsonl', 'csv'] as const) {
      await expect(guess(rows, format)).rejects.toThrow(message);
      const columns = Object.keys(rows[0] ?? {}).join(', ');
      await expect(guess(rows, format)).rejects.toThrow(new RegExp(`--text-column. Columns: ${columns}$`));
    }
  });

  test.each([
    ['{"id":1,"content":{"rendered":"<p>you</p>"},"title":"hello my dear friend"}', '"content" are objects'],
    ['{"text":{"0":"you idiot","1":"nice day"}}', '"text" are objects'],
    ['{"text":["a","b"]}', '"text" are lists'],
    ['{"rows":[{"text":"a"}]}', '"rows" are lists'],
    ['{"text":5}', '"text" are numbers'],
  ])('values that are no strings are refused: %s', async (line, message) => {
    await expect(openPieces([`${line}\n${line}\n`], { format: 'jsonl' })).rejects.toThrow(
      new RegExp(`the values of ${message}, not strings.*--text-column`),
    );
  });

  test('numbers under a doubtful name do not hinder', async () => {
    expect(await guess([{ toxic: 1, remark: 'you are a fool' }])).toBe('remark');
    expect(await guess([{ post: 17, remark: 'you are a fool' }])).toBe('remark');
  });

  test.each([
    ['Comments export,,\nid,text,label\n1,you are an idiot,1\n', 2],
    ['id,\n1,you are an idiot\n2,have a nice day\n', 2],
    ['id,label,\n1,toxic,you are an idiot\n2,ok,have a nice day\n', 3],
    ['text,label,\ntoxic,1,you are an idiot of the worst kind\n', 3],
    ['id,text,\n1,ok,you are an idiot of the worst kind\n', 3],
  ])('a column without a name that holds the words is a rival: %j', async (content, place) => {
    await expect(openPieces([content], { format: 'csv' })).rejects.toThrow(
      new RegExp(`the header has no name for column ${place}, .*--skip-lines 1`),
    );
  });

  test('columns without a name that hold less hinder nothing', async () => {
    for (const content of [
      ',text,\n0,hello you,ok\n1,you fool,x\n',
      ',remark\n0,hello you\n',
      'text,\nyou idiot,\nhello,\n',
    ])
      expect((await openPieces([content], { format: 'csv' })).textColumn).toMatch(/text|remark/);
  });

  test('says how many columns it was guessed from; one that was named is no guess', async () => {
    const content = 'id,body,score\n1,hello you,2\n';
    const guessed = await openPieces([content], { format: 'csv' });
    expect(guessed).toMatchObject({ textColumn: 'body', guessedFrom: 3, idColumn: 'id' });
    expect(guessed.source.options).toMatchObject({ textColumn: 'body', textColumnGuessedFrom: 3, idColumnFound: 'id' });
    const named = await openPieces([content], { format: 'csv', textColumn: 'BODY', idColumn: 'score' });
    expect(named).toMatchObject({ textColumn: 'body', guessedFrom: null, idColumn: 'score' });
    expect(named.source.options).toMatchObject({ textColumnGuessedFrom: null, idColumn: 'score', idColumnFound: null });
  });

  test('a header that is not the header of these rows', async () => {
    const body = rowsOf(12, (at) => ({ at })).map(({ at }) => `${at},1,some text\n`);
    await expect(openPieces(['id,text\n', ...body], { format: 'csv' })).rejects.toThrow(
      'standard input: the header has 2 columns, and none of the first 12 rows has (they have 3)',
    );
    const spare = body.map((line) => line.replace('some text', '').replace(/^\d+/, '7'));
    expect((await openPieces(['id,text\n', ...spare], { format: 'csv', textColumn: 'text' })).textColumn).toBe('text');
  });
});
