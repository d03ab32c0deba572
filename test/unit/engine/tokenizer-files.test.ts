import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { loadTokenizer } from '../../../src/engine/checkpoint/tokenizer/tokenizer.ts';
import { tokenizerFileNames } from '../../../src/engine/checkpoint/tokenizer/tokenizer-files.ts';
import { refusalOf } from '../../support/refusal.ts';

const ROOT = join(import.meta.dirname, '../../..');
const FIXTURES = join(ROOT, 'test/fixtures/tokenizers');
const root = mkdtempSync(join(tmpdir(), 'detoxq-tokenizers-'));
afterAll(() => rmSync(root, { recursive: true }));

let serial = 0;
function copyOf(name: string, files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const folder = join(root, String(serial++));
  cpSync(join(FIXTURES, name), folder, { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
  return folder;
}

interface Reference {
  readonly text: string;
  readonly ids: number[];
  readonly output: string;
}
function references(file: string): Reference[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function check(folder: string, expected: readonly Reference[]): void {
  const tokenizer = loadTokenizer(folder, 10_000);
  const ids = expected.map(({ text }) => tokenizer.encode(text, 10_000));
  expect(Object.fromEntries(expected.map(({ text }, i) => [text, ids[i]]))).toEqual(
    Object.fromEntries(expected.map((row) => [row.text, row.ids])),
  );
  expect(expected.map((row) => tokenizer.decode(row.ids))).toEqual(expected.map(({ output }) => output));
}

describe('ids are those of transformers, from the same files', () => {
  test.each(['roberta', 'bart', 'gpt2', 'gpt2-added', 'bert', 'bert-cased', 't5'])('%s', (name) => {
    check(join(FIXTURES, name), references(join(FIXTURES, name, 'reference.jsonl')));
  });

  test('t5 with "legacy": false', () => {
    const folder = copyOf('t5', { 'tokenizer_config.json': '{"legacy": false}' });
    check(folder, references(join(FIXTURES, 't5/reference-not-legacy.jsonl')));
  });

  const MODELS = join(ROOT, 'models');
  const older = readdirSync(MODELS).filter((name) =>
    ['vocab.txt', 'merges.txt'].some((file) => existsSync(join(MODELS, name, file))),
  );
  test.each(older)('the bundled %s without its tokenizer.json', (name) => {
    const folder = join(root, name);
    cpSync(join(MODELS, name), folder, {
      recursive: true,
      filter: (file) => !/tokenizer\.json$|model\.safetensors$/.test(file),
    });
    const bare = loadTokenizer(folder, 20_000);
    const current = loadTokenizer(join(MODELS, name), 20_000);
    for (const { text } of references(join(FIXTURES, 'bart/reference.jsonl'))) {
      expect(bare.encode(text, 500), text).toEqual(current.encode(text, 500));
    }
    expect(bare.maxTokens).toBe(current.maxTokens);
  });
});

test('the settings of a tokenizer_config.json are heeded, and none is needed', () => {
  expect(loadTokenizer(join(FIXTURES, 'bart'), 1000).maxTokens).toBe(32);
  expect(loadTokenizer(join(FIXTURES, 'roberta'), 1000).maxTokens).toBeNull();
});

test('every file that is read counts for the digest, and tokenizer.json alone where it is', () => {
  expect(tokenizerFileNames(join(FIXTURES, 'gpt2-added'))).toEqual([
    'vocab.json',
    'merges.txt',
    'special_tokens_map.json',
    'added_tokens.json',
  ]);
  expect(tokenizerFileNames(join(FIXTURES, 't5'))).toEqual(['spiece.model']);
  expect(tokenizerFileNames(join(ROOT, 'models/nano-bart'))).toEqual(['tokenizer.json', 'tokenizer_config.json']);
});

describe('what is refused', () => {
  const refusal = (folder: string) => refusalOf(() => loadTokenizer(folder, 10_000));

  test('a folder without a vocabulary, or with half of one', () => {
    const folder = copyOf('roberta');
    rmSync(join(folder, 'merges.txt'));
    expect(refusal(folder)).toContain('has no tokenizer: neither tokenizer.json nor');
  });

  test('a family that these files do not tell', () => {
    expect(refusal(copyOf('roberta', { 'config.json': '{"model_type": "clip"}' }))).toContain('model_type "clip"');
  });

  test('a vocabulary without the tokens that every text gets', () => {
    expect(refusal(copyOf('bert', { 'vocab.txt': 'a\nb\n' }))).toContain('the cls_token "[CLS]" is missing');
    expect(refusal(copyOf('roberta', { 'vocab.json': '{"a": 0}' }))).toContain('the sep_token "</s>" is missing');
  });

  test('a SentencePiece model that is cut short or changed ends in a tokenizer or a CheckpointError', () => {
    const whole = readFileSync(join(FIXTURES, 't5/spiece.model'));
    const folder = copyOf('t5');
    fc.assert(
      fc.property(
        fc.oneof(fc.nat(whole.length), fc.nat(6000)),
        fc.array(fc.record({ at: fc.oneof(fc.nat(4000), fc.nat(whole.length - 1)), byte: fc.nat(255) }), {
          maxLength: 4,
        }),
        (length, changes) => {
          const bytes = Buffer.from(whole);
          for (const { at, byte } of changes) bytes[at] = byte;
          writeFileSync(join(folder, 'spiece.model'), changes.length > 0 ? bytes : bytes.subarray(0, length));
          expect(refusal(folder).length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});
