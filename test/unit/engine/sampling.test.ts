import { describe, expect, test } from 'vitest';
import type { GenerationOverrides } from '../../../src/contract/generation.ts';
import { createFields } from '../../../src/engine/checkpoint/config/fields.ts';
import { readGeneration } from '../../../src/engine/checkpoint/config/generation.ts';
import { distribution, draw, randomSequence } from '../../../src/engine/search/sampling.ts';
import { createSearch } from '../../../src/engine/search/search.ts';
import { TABLE, tableDecoder, tableLogits } from '../../support/table-decoder.ts';

/* What temperature, top_k and top_p leave, against transformers' warpers, and whether draws follow it. */

/** Logits after (before, last) at a position as candidates, best first. */
function candidates(before: number, last: number, position: number) {
  return [...tableLogits(before, last, position)]
    .map((score, token) => ({ token, score, logprob: 0 }))
    .sort((a, b) => b.score - a.score || a.token - b.token);
}

const warpers = (temperature: number, topK: number, topP: number) => ({ temperature, topK, topP });

// Made with transformers 4.57.6: TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper in this order, softmax.
const REFERENCES: readonly (readonly [ReturnType<typeof warpers>, readonly (readonly [number, number])[]])[] = [
  [
    warpers(1, 50, 1),
    [
      [40, 0.204682],
      [39, 0.110185],
      [34, 0.100455],
      [9, 0.095826],
      [31, 0.087301],
      [32, 0.086564],
      [36, 0.052793],
      [3, 0.048853],
      [29, 0.037661],
      [19, 0.023485],
      [41, 0.023474],
      [46, 0.022122],
      [20, 0.022082],
      [18, 0.020698],
      [16, 0.01332],
      [21, 0.010805],
      [6, 0.010049],
      [4, 0.008085],
      [42, 0.007463],
      [15, 0.00271],
      [47, 0.002049],
      [22, 0.002032],
      [44, 0.001843],
      [12, 0.001069],
      [24, 0.000819],
      [7, 0.000694],
      [45, 0.000688],
      [2, 0.000624],
      [1, 0.000336],
      [8, 0.000259],
      [35, 0.000218],
      [17, 0.000215],
      [43, 0.000181],
      [23, 0.000121],
      [25, 6e-5],
      [13, 3.9e-5],
      [5, 2.9e-5],
      [14, 1.9e-5],
      [11, 1.9e-5],
      [30, 1.7e-5],
      [0, 1.5e-5],
      [37, 1.2e-5],
      [28, 1e-5],
      [27, 7e-6],
      [33, 3e-6],
      [38, 2e-6],
      [26, 2e-6],
      [10, 1e-6],
    ],
  ],
  [
    warpers(0.7, 5, 1),
    [
      [40, 0.415144],
      [39, 0.171386],
      [34, 0.15018],
      [9, 0.140393],
      [31, 0.122897],
    ],
  ],
  [
    warpers(1.3, 0, 0.9),
    [
      [40, 0.172953],
      [39, 0.107408],
      [34, 0.100035],
      [9, 0.09647],
      [31, 0.089798],
      [32, 0.089214],
      [36, 0.060987],
      [3, 0.057454],
      [29, 0.047032],
      [19, 0.032706],
      [41, 0.032695],
      [46, 0.031236],
      [20, 0.031192],
      [18, 0.029678],
      [16, 0.021143],
    ],
  ],
  [
    warpers(0.5, 50, 0.5),
    [
      [40, 0.775319],
      [39, 0.224681],
    ],
  ],
  [
    warpers(2, 10, 0.8),
    [
      [40, 0.184559],
      [39, 0.135412],
      [34, 0.129295],
      [9, 0.126281],
      [31, 0.120533],
      [32, 0.120023],
      [36, 0.093732],
      [3, 0.090166],
    ],
  ],
  [warpers(1, 1, 1), [[40, 1.0]]],
];

describe('the distribution of transformers', () => {
  test.each(REFERENCES)('%j', (options, expected) => {
    const { candidates: left, probabilities } = distribution(candidates(5, 7, 3), options);
    expect(left.map(({ token }) => token)).toEqual(expected.map(([token]) => token));
    expected.forEach(([, probability], i) => {
      expect(probabilities[i]).toBeCloseTo(probability, 5);
    });
  });

  test('one token is always left', () => {
    expect(distribution(candidates(5, 7, 3), warpers(1, 50, 0)).probabilities).toEqual([1]);
  });
});

test('a draw takes the candidate at its place in the cumulated distribution', () => {
  const [a, b, c] = candidates(1, 2, 3);
  const three = { candidates: [a!, b!, c!], probabilities: [0.5, 0.3, 0.2] };
  expect([0, 0.49, 0.5, 0.79, 0.8, 1 - 2 ** -53].map((place) => draw(three, place))).toEqual([a, a, b, b, c, c]);
});

describe('random numbers', () => {
  test('are those of SplitMix64 over the row', () => {
    // Made by a second implementation in Python; they are part of what a run's settings promise.
    expect([0, 1, 2].map(randomSequence(7, [0, 443, 2], 1))).toEqual([
      0.5212157801604292, 0.8315584417443594, 0.1418537769152466,
    ]);
  });

  test('differ by seed, tokens, sample and place', () => {
    const numbers = [
      randomSequence(1, [3, 4], 0)(0),
      randomSequence(2, [3, 4], 0)(0),
      randomSequence(1, [34], 0)(0),
      randomSequence(1, [3, 4], 1)(0),
      randomSequence(1, [3, 4], 0)(1),
    ];
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test('are spread evenly over rows: chi-square with 15 degrees of freedom below its 99.9 % point', () => {
    const bins = new Array<number>(16).fill(0);
    const draws = 16_000;
    for (let row = 0; row < draws; row++) {
      const bin = Math.floor(randomSequence(0, [0, row, 2], 0)(0) * 16);
      bins[bin]! += 1;
    }
    const expected = draws / 16;
    expect(bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)).toBeLessThan(37.7);
  });
});

function search(options: GenerationOverrides) {
  const source = createFields('generation_config.json', new Map(Object.entries({ eos_token_id: 2, pad_token_id: 0 })));
  const limits = { vocabulary: TABLE.vocabulary, positions: 1000, decoderOnly: true };
  return createSearch({
    decoder: tableDecoder(),
    generation: readGeneration(source, createFields('config.json', new Map()), {}, options, limits),
    vocabulary: TABLE.vocabulary,
    maxHypotheses: 64,
  });
}

describe('tokens that are drawn', () => {
  test.each<[GenerationOverrides, ReturnType<typeof warpers>]>([
    [{}, warpers(1, 50, 1)],
    [{ top_k: 0, temperature: 1.7 }, warpers(1.7, 0, 1)],
    [{ top_p: 0.6, temperature: 0.8 }, warpers(0.8, 50, 0.6)],
  ])('are as frequent as they are probable, over many seeds: %j', async (options, plain) => {
    const counts = new Map<number, number>();
    const draws = 3000;
    for (let seed = 0; seed < draws / 20; seed++) {
      const asked = { do_sample: true, max_new_tokens: 1, num_return_sequences: 20, seed, ...options };
      const [outputs] = await search(asked)([{ index: 0, tokens: [9, 5, 7] }]);
      for (const { tokens } of outputs!) counts.set(tokens[0]!, (counts.get(tokens[0]!) ?? 0) + 1);
    }
    // The prompt's last two tokens are 5 and 7, at positions 1 and 2.
    const { candidates: left, probabilities } = distribution(candidates(5, 7, 2), plain);
    const known = new Set(left.map(({ token }) => token));
    for (const token of counts.keys()) expect(known.has(token)).toBe(true);
    // Bins of five expected draws at least, as the test wants it; the rare tokens share one.
    let statistic = 0;
    let bins = 0;
    let rest = { expected: 0, count: 0 };
    left.forEach(({ token }, i) => {
      rest = { expected: rest.expected + probabilities[i]! * draws, count: rest.count + (counts.get(token) ?? 0) };
      if (rest.expected < 5 && i < left.length - 1) return;
      if (rest.expected > 0) statistic += (rest.count - rest.expected) ** 2 / rest.expected;
      bins += 1;
      rest = { expected: 0, count: 0 };
    });
    // 99.9 % point of chi-square by Wilson and Hilferty.
    const freedom = Math.max(1, bins - 1);
    const limit = freedom * (1 - 2 / (9 * freedom) + 3.09 * Math.sqrt(2 / (9 * freedom))) ** 3;
    expect(statistic).toBeLessThan(limit);
  });

  test('never are banned ones, and penalties count before the temperature', async () => {
    const best = candidates(5, 7, 2)[0]!.token;
    const asked = { do_sample: true, max_new_tokens: 1, num_return_sequences: 50, suppress_tokens: [best] };
    const [outputs] = await search(asked)([{ index: 0, tokens: [9, 5, 7] }]);
    expect(outputs!.some(({ tokens }) => tokens[0] === best)).toBe(false);
  });

  test('are the same for equal rows, and others for another seed or sample', async () => {
    const row = (index: number) => ({ index, tokens: [9, 5, 7] });
    const asked = { do_sample: true, max_new_tokens: 12, num_return_sequences: 2, seed: 1 };
    const [one, two] = await search(asked)([row(0), row(1)]);
    expect(one).toEqual(two);
    expect(one![0]!.tokens).not.toEqual(one![1]!.tokens);
    const [other] = await search({ ...asked, seed: 2 })([row(0)]);
    expect(other).not.toEqual(one);
  });
});
