import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { UsageError } from '../../src/contract/errors.ts';
import { badWordIds, readLexicon } from '../../src/engine/bad-words.ts';

const folder = join(import.meta.dirname, '../../models/nano-bart');
const scratch = mkdtempSync(join(tmpdir(), 'detoxq-lexicon-'));
afterAll(() => rmSync(scratch, { recursive: true }));

test('a word has the ids of transformers at the beginning of a text and after a space', () => {
  // AutoTokenizer.from_pretrained(folder, add_prefix_space=False | True)(word, add_special_tokens=False)
  expect(badWordIds(folder, ['door', 'that plan', 'Ünsinn'])).toEqual([
    [4106, 288],
    [2025],
    [432, 274, 1078],
    [320, 1078],
    [132, 255, 4531, 264, 82],
    [225, 132, 255, 4531, 264, 82],
  ]);
});

test('a SentencePiece vocabulary too, a phrase with its space', () => {
  // tokenizers 0.22.2 with Metaspace(prepend_scheme='never' | 'always')
  const tinyT5 = join(import.meta.dirname, '../fixtures/checkpoints/tiny-t5');
  expect(badWordIds(tinyT5, ['door', 'that plan'])).toEqual([
    [4, 22, 36],
    [101, 36],
    [9, 116, 59, 41],
    [74, 59, 41],
  ]);
});

test('a word that is given twice counts once', () => {
  expect(badWordIds(folder, ['door', 'door'])).toHaveLength(2);
});

test('a lexicon has a word a line; empty lines and spaces around do not count', () => {
  const file = join(scratch, 'words.txt');
  writeFileSync(file, 'door\r\n\n  that plan \ndoor\n');
  expect(readLexicon(file)).toEqual(['door', 'that plan']);
});

test('a lexicon without words, or none at all, is refused by name', () => {
  const file = join(scratch, 'empty.txt');
  writeFileSync(file, '\n \n');
  expect(() => readLexicon(file)).toThrow(UsageError);
  expect(() => readLexicon(join(scratch, 'missing.txt'))).toThrow(/missing\.txt cannot be read/);
});
