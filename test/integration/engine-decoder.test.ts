import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Precision } from '../../src/contract/models.ts';
import { type LoadedGenerator, loadGenerator } from '../../src/engine/models/generator.ts';
import type { Decoder, Decoding, StepScores } from '../../src/engine/runtime/decoder.ts';
import { TINY, TINY_GRAPHS, tinyReferences } from '../support/tiny-checkpoints.ts';

/* What a search is promised of a decoder (src/engine/runtime/decoder.ts), on the real graphs of each architecture. */

const BUNDLED = join(import.meta.dirname, '../../models');
const cacheFolder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
afterAll(() => rmSync(cacheFolder, { recursive: true }));

/** Largest token that all of them have. */
const LARGEST = 167;

function open(name: string, precision: Precision, maxBatchTokens = 256): Promise<LoadedGenerator> {
  const folder = join(name.startsWith('nano') ? BUNDLED : TINY, name);
  return loadGenerator({ folder, name, precision, cacheFolder, generation: {}, maxBatchTokens });
}

const rowsOf = (lists: readonly (readonly number[])[]) => lists.map((tokens, index) => ({ index, tokens }));
const hex = (values: Float32Array) => Buffer.from(values.slice().buffer).toString('hex');

/** All that a step says of one hypothesis. */
function scoresOf(scores: StepScores, hypothesis: number, top: number) {
  const from = hypothesis * top;
  return {
    tokens: [...scores.topTokens.subarray(from, from + top)].map(Number),
    logits: hex(scores.topLogits.subarray(from, from + top)),
    adjusted: hex(scores.adjustedLogits[hypothesis]!),
    logSumExp: hex(scores.logSumExp.subarray(hypothesis, hypothesis + 1)),
  };
}

describe.each(TINY_GRAPHS)('%s', (name) => {
  test('the best token of each step is that of transformers, and every row may end by itself', async () => {
    const generator = await open(name, 'fp32');
    const expected = tinyReferences(name);
    const decoding = await (await generator.openDecoder()).open(rowsOf(expected.map((row) => row.input_tokens)), 1);
    let alive = expected.map((_, row) => row);
    let order: number[] | null = null;
    const outputs: number[][] = expected.map(() => []);
    while (alive.length > 0) {
      const tokens = alive.map(
        (row) => outputs[row]!.at(-1) ?? generator.generation.startToken ?? expected[row]!.input_tokens.at(-1)!,
      );
      const scores = await decoding.step({ tokens, adjusted: tokens.map(() => []), top: 1 }, order);
      for (const [i, row] of alive.entries()) outputs[row]!.push(Number(scores.topTokens[i]));
      const going = alive.map((row) => outputs[row]!.length < expected[row]!.tokens.length);
      order = alive.map((_, i) => i).filter((i) => going[i]);
      alive = alive.filter((_, i) => going[i]);
    }
    expect(outputs).toEqual(expected.map((row) => row.tokens));
    await generator.close();
  });

  test.each<Precision>(['int8', 'fp32'])(
    '%s: a hypothesis has the same bits alone and among others',
    async (precision) => {
      const generator = await open(name, precision);
      const alone = await open(name, precision, 1);
      const [decoder, lonely] = [await generator.openDecoder(), await alone.openDecoder()];
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(fc.integer({ min: 5, max: LARGEST }), { minLength: 1, maxLength: 40 }), {
            minLength: 1,
            maxLength: 5,
          }),
          fc.integer({ min: 1, max: 3 }),
          fc.array(fc.array(fc.nat(1000), { minLength: 1, maxLength: 8 }), { maxLength: 6 }),
          fc.infiniteStream(fc.integer({ min: 5, max: LARGEST })),
          async (sources, copies, orders, numbers) => {
            const next = () => numbers.next().value as number;
            const decoding = await decoder.open(rowsOf(sources), copies);
            let hypotheses = sources.flatMap((source) =>
              Array.from({ length: copies }, () => ({ source, past: [] as number[] })),
            );
            for (const [i, choice] of [null, ...orders].entries()) {
              const order = choice?.map((n) => n % hypotheses.length) ?? null;
              if (order) hypotheses = order.map((from) => hypotheses[from]!);
              // At every other step many are asked for the same, and are computed once where they were equal before.
              const alike = i % 2 === 1;
              const tokens = hypotheses.map(() => (i === 0 ? 2 : alike ? 5 + (next() % 2) : next()));
              hypotheses = hypotheses.map(({ source, past }, h) => ({ source, past: [...past, tokens[h]!] }));
              const adjusted = hypotheses.map((_, h) =>
                alike ? [] : Array.from({ length: h % 3 }, (_, n) => (next() + 7 * n) % LARGEST),
              );
              const together = await decoding.step(
                { tokens, adjusted: adjusted.map((l) => [...new Set(l)]), top: 4 },
                order,
              );
              for (const [h, { source, past }] of hypotheses.entries()) {
                const own = await replay(lonely, source, past, [...new Set(adjusted[h]!)]);
                expect(scoresOf(together, h, 4)).toEqual(scoresOf(own, 0, 4));
              }
            }
          },
        ),
        { numRuns: 15 },
      );
      await generator.close();
      await alone.close();
    },
  );
});

// The head of nano-bart is cut into two slices in int8.
describe.each([...TINY_GRAPHS, 'nano-bart'])('%s', (name) => {
  test.each<Precision>(['int8', 'fp32'])(
    '%s: top, adjusted and logSumExp are of one list of logits',
    async (precision) => {
      const generator = await open(name, precision);
      const decoder = await generator.openDecoder();
      const rows = rowsOf([
        [0, 9, 130, 2],
        [0, 2],
        [0, 77, 78, 79, 80, 81, 2],
      ]);
      const tokens = [2, 2, 2];
      const size = generator.vocabulary;
      const whole = await (await decoder.open(rows, 1)).step({ tokens, adjusted: [[], [], []], top: size }, null);
      const adjusted = [[7, 0, size - 1], [], [30, 11]];
      const part = await (await decoder.open(rows, 1)).step({ tokens, adjusted, top: 20 }, null);
      for (const row of [0, 1, 2]) {
        const order = [...whole.topTokens.subarray(row * size, (row + 1) * size)].map(Number);
        const logits = new Float32Array(size);
        order.forEach((token, i) => {
          logits[token] = whole.topLogits[row * size + i]!;
        });
        // All tokens, the best first, the smaller one of equals first.
        expect(order).toEqual(Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b));
        const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
        expect(whole.logSumExp[row]).toBeCloseTo(Math.log(sum), 5);
        const left = order.filter((token) => !adjusted[row]!.includes(token)).slice(0, 20);
        expect([...part.topTokens.subarray(row * 20, (row + 1) * 20)].map(Number)).toEqual(left);
        expect([...part.topLogits.subarray(row * 20, (row + 1) * 20)]).toEqual(left.map((token) => logits[token]));
        expect([...part.adjustedLogits[row]!]).toEqual(adjusted[row]!.map((token) => logits[token]));
        expect(part.logSumExp[row]).toBe(whole.logSumExp[row]);
      }
      await generator.close();
    },
  );
});

/** The scores of one hypothesis after the given tokens, with nothing beside it. */
async function replay(decoder: Decoder, source: readonly number[], past: readonly number[], adjusted: number[]) {
  const decoding: Decoding = await decoder.open(rowsOf([source]), 1);
  let scores: StepScores | null = null;
  for (const [i, token] of past.entries()) {
    const last = i === past.length - 1;
    scores = await decoding.step({ tokens: [token], adjusted: [last ? adjusted : []], top: 4 }, null);
  }
  return scores!;
}

test('what cannot be meant is refused', async () => {
  const generator = await open('tiny-bart', 'int8');
  const decoding = await (await generator.openDecoder()).open(rowsOf([[0, 9, 2]]), 2);
  const request = { tokens: [2, 2], adjusted: [[], []], top: 1 };
  await expect(decoding.step({ ...request, tokens: [2] }, null)).rejects.toThrow('2 hypotheses go on');
  await expect(decoding.step(request, [0, 2])).rejects.toThrow('there is no hypothesis 2 of 2');
  expect((await decoding.step({ tokens: [], adjusted: [], top: 1 }, [])).topTokens).toHaveLength(0);
  await generator.close();
});
