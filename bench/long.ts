/**
 * Long texts: the scorer on texts that nearly fill its window, BART greedy on texts of some 250 tokens, which it rewrites as a whole.
 *
 *   npm run bench -- long [--rows 48] [--rounds 3] [--cores 0] [--data data]
 *
 * Comments of Jigsaw and sentences of ParaDetox, one after the other until a text has so many words. `detoxq run` gives models sentences;
 * whole texts are what scorers read, and what `models generate` may be given.
 */
import { compare, type Rows } from './peers/compare.ts';
import { ct2Classifier, ct2Generator, onnxruntimeClassifier, ours } from './peers/engines.ts';
import { openEnvironment } from './peers/environment.ts';
import { type BenchOptions, jigsaw, paradetox, readOptions } from './peers/options.ts';
import { printResults } from './peers/print.ts';

const SCORER_WORDS = 380;
const BART_WORDS = 200;
/** Of the sources that are joined. */
const MOST_SOURCES = 5000;
const options = readOptions({ rows: 48, rounds: 3 });
const environment = openEnvironment();
const generation = { num_beams: 1, max_new_tokens: 256 };
const { rounds, cores } = options;

/** Texts of at least so many words. */
function joined(read: (options: BenchOptions) => Rows, words: number): Rows {
  const sources = read({ ...options, rows: MOST_SOURCES });
  const texts: string[] = [];
  let text: string[] = [];
  for (const source of sources.texts) {
    text.push(...source.split(' '));
    if (text.length < words) continue;
    texts.push(text.join(' '));
    text = [];
    if (texts.length === options.rows) break;
  }
  return { texts, source: `${sources.source.replace(/^the first \d+ /, '')}, joined to ${words} words and more` };
}

printResults(
  await compare({
    name: 'scorer-long',
    title: 'RoBERTa-base scorer, long texts',
    kind: 'classifier',
    goal: 1.4,
    rows: joined(jigsaw, SCORER_WORDS),
    ...{ rounds, cores },
    ours: ours(environment, 'roberta-base'),
    peers: [onnxruntimeClassifier(environment, 'roberta-base'), ct2Classifier(environment, 'roberta-base')],
    sample: 8,
  }),
);
printResults(
  await compare({
    name: 'bart-long',
    title: 'BART-base, greedy, long texts',
    kind: 'generator',
    goal: 1.4,
    rows: joined(paradetox, BART_WORDS),
    ...{ rounds, cores },
    ours: ours(environment, 'bart-base', generation),
    peers: [ct2Generator(environment, 'bart-base', generation)],
    sample: 16,
  }),
);
