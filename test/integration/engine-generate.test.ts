import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GenerationOverrides } from '../../src/contract/generation.ts';
import { classOf } from '../../src/engine/architectures/registry.ts';
import { readFields } from '../../src/engine/checkpoint/config/fields.ts';
import { readGeneration } from '../../src/engine/checkpoint/config/generation.ts';
import { loadDetoxifier } from '../../src/engine/index.ts';
import { type LoadedGenerator, loadGenerator } from '../../src/engine/models/generator.ts';
import type { Decoder } from '../../src/engine/runtime/decoder.ts';
import { createSearch } from '../../src/engine/search/search.ts';

/* Compiled checkpoints in fp32 against transformers.generate, for every option (training/generation_references.py). */

interface Output {
  readonly tokens: readonly number[];
  readonly score: number | null;
  readonly logprob: number;
}

interface Case {
  readonly options: GenerationOverrides;
  /** For each text the outputs, best first; null where rounding decides what they are. */
  readonly rows: readonly (readonly Output[] | null)[];
}

const FIXTURES = join(import.meta.dirname, '../fixtures');
const cacheFolder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
afterAll(() => rmSync(cacheFolder, { recursive: true }));

const folderOf = (name: string) => join(FIXTURES, 'checkpoints', name);

function readCases(name: string): { texts: string[]; cases: Case[] } {
  const [head, ...cases] = readFileSync(join(FIXTURES, 'generation', `${name}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { texts: head.texts, cases };
}

const names = readdirSync(join(FIXTURES, 'generation')).flatMap((file) => /^(tiny-.*)\.jsonl$/.exec(file)?.[1] ?? []);

describe.each(names)('%s', (name) => {
  const { texts, cases } = readCases(name);
  let generator: LoadedGenerator;
  let decoder: Decoder;
  beforeAll(async () => {
    generator = await loadGenerator({ folder: folderOf(name), name, precision: 'fp32', cacheFolder, generation: {} });
    decoder = await generator.openDecoder();
  });
  afterAll(() => generator.close());

  async function generate(options: GenerationOverrides) {
    const config = readFields(join(folderOf(name), 'config.json'));
    const model = classOf(generator.identity.architecture)!.generator!(config);
    const own = readFields(join(folderOf(name), 'generation_config.json'));
    const search = createSearch({
      decoder,
      generation: readGeneration(own, config, model.generationDefaults, options, model),
      vocabulary: generator.vocabulary,
      maxHypotheses: 128,
    });
    return search(
      texts.map((text, index) => ({ index, tokens: generator.tokenizer.encode(text, generator.maxInputTokens) })),
    );
  }

  test('nine outputs of ten do not hang on rounding', () => {
    const rows = cases.flatMap((each) => each.rows);
    expect(rows.filter((row) => row !== null).length / rows.length).toBeGreaterThan(0.9);
  });

  test.each(cases.map((each) => [JSON.stringify(each.options), each] as const))(
    'gives the outputs of transformers: %s',
    async (_, { options, rows }) => {
      const all = await generate(options);
      const results = all.filter((_, row) => rows[row] !== null);
      const tokensOf = (outputs: readonly (readonly { tokens: readonly number[] }[])[]) =>
        outputs.map((list) => list.map(({ tokens }) => tokens));
      const sure = rows.filter((row) => row !== null);
      expect(sure.length).toBeGreaterThan(0);
      expect(tokensOf(results)).toEqual(tokensOf(sure));
      results.flat().forEach((output, i) => {
        const expected = sure.flat()[i]!;
        expect(Math.abs(output.logprob - expected.logprob)).toBeLessThan(1e-3);
        // A negative length penalty multiplies the score by thousands.
        const score = expected.score ?? output.score;
        expect(Math.abs(output.score - score)).toBeLessThan(1e-4 * Math.max(1, Math.abs(score)));
      });
    },
  );
});

test('a detoxifier gives the outputs of its options, best first, with their text', async () => {
  const name = 'tiny-bart';
  const { texts, cases } = readCases(name);
  const { options, rows } = cases.find((each) => each.options.num_return_sequences === 4)!;
  const source = { folder: folderOf(name), name, precision: 'fp32', cacheFolder } as const;
  const several = await loadDetoxifier({ ...source, generation: options });
  const plain = await loadDetoxifier(source);
  const slow = await loadDetoxifier({ ...source, logprobs: true });

  const rewrites = await several.rewrite(texts);
  expect(rewrites.map(({ candidates }) => candidates.map(({ tokens }) => tokens))).toEqual(
    rows.map((outputs) => outputs!.map(({ tokens }) => tokens)),
  );
  for (const { candidates, text, tokens, logprob } of rewrites) {
    expect(candidates[0]).toMatchObject({ text, tokens, logprob });
    expect(new Set(candidates.map((candidate) => candidate.text)).size).toBeGreaterThan(1);
  }

  const fast = await plain.rewrite(texts);
  const withLogprobs = await slow.rewrite(texts);
  expect(fast.every(({ logprob, candidates }) => logprob === null && candidates.length === 0)).toBe(true);
  expect(withLogprobs.map(({ tokens, finished }) => ({ tokens, finished }))).toEqual(
    fast.map(({ tokens, finished }) => ({ tokens, finished })),
  );
  expect(withLogprobs.every(({ logprob }) => logprob !== null && logprob < 0)).toBe(true);
  for (const each of [several, plain, slow]) await each.close();
});

test.each<[string, GenerationOverrides]>([
  ['beams', { num_beams: 4, no_repeat_ngram_size: 3, early_stopping: true }],
  ['samples', { do_sample: true, seed: 7, num_return_sequences: 2, top_p: 0.9 }],
])('int8: %s of a row are the same alone and in any batch', async (_, generation) => {
  const name = 'tiny-bart';
  const source = { folder: folderOf(name), name, precision: 'int8', cacheFolder, generation } as const;
  const { texts } = readCases(name);
  const batch = await loadDetoxifier(source);
  const few = await loadDetoxifier({ ...source, maxRows: 9 });
  const expected = await batch.rewrite(texts);
  expect(await few.rewrite(texts.toReversed())).toEqual(expected.toReversed());
  for (const [i, text] of texts.entries()) expect(await batch.rewrite([text])).toEqual([expected[i]]);
  await batch.close();
  await few.close();
});
