import { join } from 'node:path';
import { expect, test } from 'vitest';
import { badWordIds } from '../../../src/engine/models/bad-words.ts';

const folder = join(import.meta.dirname, '../../../models/nano-bart');

test('a word has the ids of transformers at the beginning of a text and after a space', () => {
  // AutoTokenizer.from_pretrained(folder, add_prefix_space=False | True)(word, add_special_tokens=False)
  expect(badWordIds(folder, ['door', 'that plan', 'Ünsinn']).ids).toEqual([
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
  const tinyT5 = join(import.meta.dirname, '../../fixtures/checkpoints/tiny-t5');
  expect(badWordIds(tinyT5, ['door', 'that plan']).ids).toEqual([
    [4, 22, 36],
    [101, 36],
    [9, 116, 59, 41],
    [74, 59, 41],
  ]);
});

test('a word that is given twice counts once', () => {
  expect(badWordIds(folder, ['door', 'door']).ids).toHaveLength(2);
});

test('a word that the tokenizer has no tokens for is told, and bans no other', () => {
  const tinyT5 = join(import.meta.dirname, '../../fixtures/checkpoints/tiny-t5');
  expect(badWordIds(tinyT5, ['door', '你好']).unwritable).toEqual(['你好']);
  expect(badWordIds(tinyT5, ['door', '你好']).ids).toEqual(badWordIds(tinyT5, ['door']).ids);
  expect(badWordIds(folder, ['你好']).unwritable).toEqual([]);
});
