import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/config.ts';
import { loadTokenizer } from '../../../src/engine/checkpoint/tokenizer/tokenizer.ts';

interface Sample {
  readonly text: string;
  readonly ids: Readonly<Record<string, readonly number[]>>;
}

/** `Tokenizer.from_file(…).encode(text).ids` of Python's tokenizers 0.23.3: raw text with odd white space, controls and marks. */
const SAMPLES: readonly Sample[] = readFileSync(
  join(import.meta.dirname, '../../fixtures/tokenizer-texts.jsonl'),
  'utf8',
)
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));

test.each(['nano-bart', 'nano-bert', 'nano-t5'])('%s has the ids of the Rust library for raw text', (name) => {
  const tokenizer = loadTokenizer(join(packageRoot, 'models', name), Number.POSITIVE_INFINITY);
  for (const { text, ids } of SAMPLES)
    expect(tokenizer.encode(text, Number.POSITIVE_INFINITY), text).toEqual(ids[name]);
});
