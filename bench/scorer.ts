/**
 * RoBERTa-base size scorer, int8, one core, against onnxruntime and torch dynamic int8 and CTranslate2 int8.
 *
 *   npm run bench -- scorer [--rows 10000] [--rounds 3] [--cores 0] [--data data] [--only onnxruntime,CTranslate2]
 *
 * All sort by length and batch by padded tokens. `--only` takes fewer peers, and leaves int8-static out: a round of all with 10,000 rows takes
 * twenty minutes to an hour and a half.
 */
import { compare } from './peers/compare.ts';
import { ct2Classifier, onnxruntimeClassifier, ours, oursStatic, transformersClassifier } from './peers/engines.ts';
import { openEnvironment } from './peers/environment.ts';
import { jigsaw, readOptions } from './peers/options.ts';
import { printResults } from './peers/print.ts';

const options = readOptions({ rows: 10_000, rounds: 3, only: '' });
const environment = openEnvironment();
const rows = jigsaw(options);

printResults(
  await compare({
    name: 'scorer',
    title: 'RoBERTa-base scorer',
    kind: 'classifier',
    goal: 1.4,
    rows,
    rounds: options.rounds,
    cores: options.cores,
    ours: ours(environment, 'roberta-base'),
    ...(options.only.length === 0 && {
      also: {
        ...{ name: 'scorer-static', title: 'RoBERTa-base scorer, int8-static' },
        ours: oursStatic(environment, 'roberta-base', rows),
      },
    }),
    peers: [
      onnxruntimeClassifier(environment, 'roberta-base'),
      ct2Classifier(environment, 'roberta-base'),
      transformersClassifier(environment, 'roberta-base', 'int8'),
    ].filter(({ name }) => options.only.length === 0 || options.only.some((word) => name.includes(word))),
    sample: 256,
    reference: { contender: transformersClassifier(environment, 'roberta-base', 'fp32'), rows: 1000 },
  }),
);
