import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/contract/errors.ts';
import type { GenerationOverrides } from '../../../src/contract/generation.ts';
import { createFields } from '../../../src/engine/checkpoint/config/fields.ts';
import { readGeneration } from '../../../src/engine/checkpoint/config/generation.ts';
import { createSearch } from '../../../src/engine/search/search.ts';
import { TABLE, tableDecoder } from '../../support/table-decoder.ts';

/* The search against transformers.generate, over a decoder whose logits are the same numbers on both sides. */

interface Case {
  readonly options: GenerationOverrides;
  /** For each prompt the outputs, best first. */
  readonly rows: readonly (readonly { tokens: number[]; score: number | null; logprob: number }[])[];
}

const [head, ...lines] = readFileSync(join(import.meta.dirname, '../../fixtures/generation/table.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const prompts: number[][] = head.prompts;
const cases: Case[] = lines;
const rows = prompts.map((tokens, index) => ({ index, tokens }));

function search(options: GenerationOverrides, changes: { maxHypotheses?: number; steps?: number[] } = {}) {
  const source = createFields(
    'generation_config.json',
    new Map(Object.entries({ eos_token_id: TABLE.end, pad_token_id: 0, max_length: 24 })),
  );
  const limits = { vocabulary: TABLE.vocabulary, positions: 1000, decoderOnly: true };
  return createSearch({
    decoder: tableDecoder(changes.steps),
    generation: readGeneration(source, createFields('config.json', new Map()), {}, options, limits),
    vocabulary: TABLE.vocabulary,
    maxHypotheses: changes.maxHypotheses ?? 128,
  });
}

describe('the outputs of transformers.generate', () => {
  test.each(cases.map((each) => [JSON.stringify(each.options), each] as const))(
    '%s',
    async (_, { options, rows: expected }) => {
      const results = await search(options)(rows);
      expect(results.map((outputs) => outputs.map(({ tokens }) => tokens))).toEqual(
        expected.map((outputs) => outputs.map(({ tokens }) => tokens)),
      );
      results.flat().forEach((output, i) => {
        const reference = expected.flat()[i]!;
        expect(output.logprob).toBeCloseTo(reference.logprob, 3);
        if (reference.score !== null) expect(output.score).toBeCloseTo(reference.score, 3);
      });
    },
  );

  test('the grid has outputs that end by themselves and such that run into the limit', async () => {
    const [plain] = cases;
    const ended = plain!.rows.filter(([output]) => output!.tokens.at(-1) === TABLE.end);
    expect(ended.length).toBeGreaterThan(1);
    expect(ended.length).toBeLessThan(prompts.length);
  });
});

test('rows and beams leave when they are done, and a row is the same alone and in any batch', async () => {
  for (const options of [{ num_beams: 3 }, { repetition_penalty: 1.3 }, { do_sample: true, num_return_sequences: 3 }]) {
    const steps: number[] = [];
    const together = await search(options, { steps })(rows);
    expect(steps[0]).toBe(rows.length * (options.num_beams ?? options.num_return_sequences ?? 1));
    expect(steps.at(-1)).toBeLessThan(steps[0]!);
    expect(await search(options, { maxHypotheses: 7 })(rows)).toEqual(together);
    expect((await search(options)(rows.toReversed())).toReversed()).toEqual(together);
    for (const row of rows) expect(await search(options)([row])).toEqual([together[row.index]]);
  }
});

test('a row that runs into the limit is not finished, whether or not an end token is forced there', async () => {
  const [free, forced] = await Promise.all([
    search({ max_new_tokens: 4 })(rows),
    search({ max_new_tokens: 4, forced_eos_token_id: TABLE.end })(rows),
  ]);
  free.forEach(([output], i) => {
    expect(output!.finished).toBe(output!.tokens.at(-1) === TABLE.end);
    expect(forced[i]![0]!.finished).toBe(output!.finished && output!.tokens.length < 4);
  });
});

test('options that leave no token say so, and a prompt that is too long too', async () => {
  const all = Array.from({ length: TABLE.vocabulary }, (_, token) => token);
  await expect(search({ suppress_tokens: all })(rows)).rejects.toThrow(UsageError);
  await expect(search({ suppress_tokens: all, num_beams: 2 })(rows)).rejects.toThrow('leave no token');
  await expect(search({ max_length: 6 })(rows)).rejects.toThrow('the prompt of row 8 has 6 tokens');
});

test('no rows, no steps', async () => {
  const steps: number[] = [];
  expect(await search({ num_beams: 2 }, { steps })([])).toEqual([]);
  expect(steps).toEqual([]);
});
