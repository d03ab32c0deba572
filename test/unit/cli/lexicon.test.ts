import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { resolveGeneration } from '../../../src/app/generation.ts';
import { readLexicon } from '../../../src/app/lexicon.ts';
import { lexiconText } from '../../../src/cli/terminal/events.ts';
import { UsageError } from '../../../src/contract/errors.ts';

const scratch = mkdtempSync(join(tmpdir(), 'detoxq-lexicon-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function fileOf(bytes: string | Buffer, name = 'words.txt'): string {
  const file = join(scratch, name);
  writeFileSync(file, bytes);
  return file;
}

test.each<[string, Buffer]>([
  ['as it is', Buffer.from('door\n# a comment\n\n  that plan \ndoor\n#tag\n')],
  ['with CR LF and a byte order mark', Buffer.from('\ufeffdoor\r\n# a comment\r\n\r\nthat plan\r\n#tag')],
  ['in gzip', gzipSync('door\n#\nthat plan\n#tag\n')],
])('a lexicon has one word on a line: %s', async (_, bytes) => {
  expect(await readLexicon(fileOf(bytes))).toEqual({
    words: ['door', 'that plan', '#tag'],
    comments: 1,
    doubtful: null,
  });
});

test.each<[string, Buffer, RegExp]>([
  ['Latin-1', Buffer.from('caf\xe9\n', 'latin1'), /words\.txt.*UTF-8/s],
  [
    'Latin-1 after many lines',
    Buffer.from(`${'door\n'.repeat(5_000)}caf\xe9\n`, 'latin1'),
    /5,?001.*UTF-8|UTF-8.*5,?001/s,
  ],
  ['a zip archive', Buffer.from('504b0304140000000000', 'hex'), /words\.txt.*zip archive/],
  ['a truncated gzip file', gzipSync('door\n'.repeat(1_000)).subarray(0, 30), /words\.txt/],
  ['nothing', Buffer.alloc(0), /words\.txt/],
  ['blank lines and comments alone', Buffer.from('\n \n# x\n'), /words\.txt has no words/],
])('a lexicon that is %s is refused by name', async (_, bytes, message) => {
  const reading = readLexicon(fileOf(bytes));
  await expect(reading).rejects.toThrow(UsageError);
  await expect(reading).rejects.toThrow(message);
});

test('a lexicon that is not there', async () => {
  await expect(readLexicon(join(scratch, 'missing.txt'))).rejects.toThrow(/missing\.txt/);
});

test('what is left out is said, and a lexicon of which nothing is left is refused', async () => {
  const lexicon = { type: 'lexicon', file: 'w.txt', words: 2, comments: 2, unwritable: 1, doubtful: null } as const;
  expect(lexiconText(lexicon)).toBe(
    'The lexicon w.txt bans 2 words; left out: 2 comment lines; 1 that the tokenizer has no tokens for, so that they never come.',
  );
  expect(lexiconText({ ...lexicon, words: 3, comments: 0, unwritable: 0 })).toBe('The lexicon w.txt bans 3 words.');
  const folder = join(import.meta.dirname, '../../fixtures/checkpoints/tiny-t5');
  const model = { folder, architecture: 'T5ForConditionalGeneration' };
  await expect(resolveGeneration(model, {}, fileOf('你好\n'), () => {})).rejects.toThrow('has no effect');
});

test.each<[string, RegExp]>([
  ['door,high\nplan,low\n', /words\.txt, line 1: it looks like CSV.* one word or phrase on a line/],
  ['word;severity\ndoor;2\n', /line 1: it looks like CSV/],
  ['door\t1\nplan\t2\n', /line 1: it looks like a table with tabs/],
  ['["door", "plan"]\n', /line 1: it looks like JSON/],
  ['[\n"door",\n"plan"\n]\n', /line 1: it looks like JSON/],
  ['{"words": ["door"]}\n', /line 1: it looks like JSON/],
  ['# words\n"door"\n"plan"\n', /line 2: its words stand in quotes/],
  ['\ndoor, plan, house\n', /line 2: it looks like CSV, or several words/],
])('lines that are not one word or phrase are refused: %j', async (content, message) => {
  await expect(readLexicon(fileOf(content))).rejects.toThrow(UsageError);
  await expect(readLexicon(fileOf(content))).rejects.toThrow(message);
});

test('one such line among many is taken as it stands, and told', async () => {
  const lexicon = await readLexicon(fileOf("door\nplan\nwell, well\ndon't\nd'oh!\n:-(\n"));
  expect(lexicon.words).toHaveLength(6);
  const { comments, doubtful } = lexicon;
  expect(lexiconText({ type: 'lexicon', file: 'w.txt', words: 6, comments, unwritable: 0, doubtful })).toMatch(
    /^The lexicon w\.txt bans 6 words\. Line 3 is taken as one phrase, but it looks like CSV, or several words\./,
  );
});
