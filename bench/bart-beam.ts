/**
 * BART-base size, beam 5 with the options of the ParaDetox authors' script, int8, one core, against CTranslate2 int8.
 *
 *   npm run bench -- bart-beam [--rows 256] [--rounds 3] [--cores 0] [--data ../shared/data]
 *
 * CTranslate2 divides logits by the repetition penalty before the softmax. transformers, and this engine with it, multiply
 * log-probabilities in beam search, so that texts may differ: the tokens of both are counted.
 */
import { compare } from './peers/compare.ts';
import { ct2Generator, ours, transformersGenerator } from './peers/engines.ts';
import { openEnvironment } from './peers/environment.ts';
import { paradetox, readOptions } from './peers/options.ts';
import { printResult } from './peers/print.ts';

const options = readOptions({ rows: 256, rounds: 3 });
const environment = openEnvironment();
const generation = { num_beams: 5, no_repeat_ngram_size: 3, repetition_penalty: 10, max_new_tokens: 64 };

printResult(
  await compare({
    name: 'bart-beam',
    title: 'BART-base, beam 5',
    kind: 'generator',
    goal: 1.5,
    rows: paradetox(options),
    rounds: options.rounds,
    cores: options.cores,
    ours: ours(environment, 'bart-base', generation),
    peers: [ct2Generator(environment, 'bart-base', generation)],
    sample: 32,
    reference: {
      contender: transformersGenerator(environment, 'bart-base', generation, { batch: 8, sorted: true }),
      rows: 64,
    },
  }),
);
