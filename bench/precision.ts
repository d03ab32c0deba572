/**
 * What int8 changes on the bundled models: labels of the scorers, and tokens and J of the detoxifiers, against fp32.
 *
 *   npm run bench -- precision [--rows 5000] [--data ../shared/data] [--only nano-roberta,nano-bart]
 *
 * Scorers on the first `--rows` comments of Jigsaw; detoxifiers on the held-out tenth of ParaDetox that their cards have,
 * judged by `detoxq evaluate`, both precisions in one evaluation: the difference is paired. Run it again when bundled weights
 * change, and put the lines into their cards.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { toModelForm } from '../src/detox/model-form.ts';
import { loadDetoxifier, loadScorer } from '../src/engine/load.ts';
import { openEnvironment } from './peers/environment.ts';
import { readCommit, readMachine } from './peers/machine.ts';
import type { PrecisionResult } from './report/results.ts';

const ROOT = join(import.meta.dirname, '..');
const CACHE = join(ROOT, 'bench/.cache');
const SCORERS = ['nano-roberta', 'nano-bert'];
const DETOXIFIERS = ['nano-bart', 'nano-t5', 'nano-gpt2'];
const PRECISIONS = ['fp32', 'int8'] as const;
const THRESHOLD = 0.5;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '5000' },
    data: { type: 'string', default: join(ROOT, '../shared/data') },
    only: { type: 'string', default: [...SCORERS, ...DETOXIFIERS].join(',') },
  },
});
const wanted = new Set(values.only.split(','));

const reference = (name: string, precision: 'fp32' | 'int8') => {
  return { folder: join(ROOT, 'models', name), name, precision, cacheFolder: join(CACHE, 'graphs') };
};

function readColumns(file: string): string[][] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(1);
  return lines.filter((line) => line !== '').map((line) => line.split('\t'));
}

async function compareScorer(name: string, texts: readonly string[]) {
  const toxicities: number[][] = [];
  for (const precision of PRECISIONS) {
    const scorer = await loadScorer(reference(name, precision));
    toxicities.push((await scorer.score(texts)).map(({ toxicity }) => toxicity));
    await scorer.close();
  }
  const pairs = texts.map((_, at) => toxicities.map((of) => of[at] ?? Number.NaN) as [number, number]);
  const equal = pairs.filter(([a, b]) => a >= THRESHOLD === b >= THRESHOLD).length;
  const distances = pairs.map(([a, b]) => Math.abs(a - b));
  const meanDistance = distances.reduce((sum, distance) => sum + distance, 0) / texts.length;
  return { name, rows: texts.length, equalLabels: equal, meanDistance, largestDistance: Math.max(...distances) };
}

async function compareDetoxifier(name: string, pairs: readonly (readonly string[])[]) {
  const sources = pairs.map(([source = '']) => source);
  const outputs: string[][] = [];
  for (const precision of PRECISIONS) {
    const detoxifier = await loadDetoxifier(reference(name, precision));
    outputs.push((await detoxifier.rewrite(sources)).map(({ text }) => text.trim()));
    await detoxifier.close();
  }
  const files = PRECISIONS.map((precision, p) => {
    const file = join(CACHE, `${name}-${precision}.jsonl`);
    const lines = pairs.map(([src, ref = '', ref1 = '', ref2 = ''], at) => {
      return JSON.stringify({ src, out: outputs[p]?.[at], ref, ref1, ref2 });
    });
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  });
  const main = join(ROOT, 'src/cli/main.ts');
  const env = { ...process.env, DETOXQ_HOME: join(CACHE, 'precision-home') };
  const stdio: 'pipe'[] = ['pipe', 'pipe', 'pipe'];
  const json = execFileSync(process.execPath, [main, 'evaluate', ...files, '--json'], { encoding: 'utf8', env, stdio });
  const report = JSON.parse(json);
  return {
    ...{ name, rows: sources.length },
    equalOutputs: sources.filter((_, at) => outputs[0]?.[at] === outputs[1]?.[at]).length,
    fp32: report.systems[0].metrics,
    int8: report.systems[1].metrics,
    /** int8 less fp32, paired. */
    differences: report.systems[1].differences,
  };
}

mkdirSync(CACHE, { recursive: true });
const jigsaw = [
  ...new Set(readColumns(join(values.data, 'jigsaw_labelled.tsv')).map(([text = '']) => toModelForm(text))),
];
const scorers = [];
for (const name of SCORERS.filter((each) => wanted.has(each))) {
  const compared = await compareScorer(name, jigsaw.slice(0, Number(values.rows)));
  scorers.push(compared);
  console.log(
    `${name}: int8 gives the label of fp32 on ${compared.equalLabels} of ${compared.rows} Jigsaw comments; toxicity differs by ` +
      `${compared.meanDistance.toFixed(4)} on average, ${compared.largestDistance.toFixed(3)} at most`,
  );
}
const heldOut = join(CACHE, 'held-out.tsv');
const arguments_ = ['-m', 'training.held_out', '--data', values.data, '--part', 'test', '--out', heldOut];
execFileSync(openEnvironment().python, arguments_, { cwd: ROOT, stdio: ['ignore', 2, 2] });
const detoxifiers = [];
for (const name of DETOXIFIERS.filter((each) => wanted.has(each))) {
  const compared = await compareDetoxifier(name, readColumns(heldOut));
  detoxifiers.push(compared);
  const { fp32, int8, differences } = compared;
  const interval = `${differences.j.low.toFixed(4)} to ${differences.j.high.toFixed(4)}`;
  console.log(
    `${name}: int8 gives the output of fp32 on ${compared.equalOutputs} of ${compared.rows} sentences; J ` +
      `${int8.j.mean.toFixed(4)} against ${fp32.j.mean.toFixed(4)}, difference ${differences.j.mean.toFixed(4)} (${interval})`,
  );
}
const machine = readMachine();
const result: PrecisionResult = {
  ...{ name: 'precision', title: 'int8 against fp32', kind: 'precision', machine, commit: readCommit() },
  ...{ takenAt: new Date().toISOString(), scorers, detoxifiers },
};
const results = join(ROOT, 'docs/benchmarks');
mkdirSync(results, { recursive: true });
writeFileSync(join(results, `precision.${machine.kind}.json`), `${JSON.stringify(result, null, 2)}\n`);
