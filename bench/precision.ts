/**
 * What int8 and int8-static change on the bundled models: labels of the scorers, and outputs and J of the detoxifiers, against fp32.
 *
 *   npm run bench -- precision [--rows 5000] [--data data] [--only nano-roberta,nano-bart] [--measured-rows 64]
 *
 * Scorers on the first `--rows` comments of Jigsaw; detoxifiers on the held-out tenth of ParaDetox that their cards have,
 * judged by `detoxq evaluate`, fp32 and another in one evaluation: differences are paired. Scales of int8-static are measured on `--measured-rows` of the same rows. Run it again when bundled weights
 * change, and put the lines into their cards.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Precision } from '../src/contract/models.ts';
import { toModelForm } from '../src/detox/model-form.ts';
import { loadDetoxifier, loadScorer } from '../src/engine/index.ts';
import { collectScales } from '../src/engine/runtime/static-scales.ts';
import { openEnvironment } from './peers/environment.ts';
import { readCommit, readMachine } from './peers/machine.ts';
import type { PrecisionResult } from './report/results.ts';

const ROOT = join(import.meta.dirname, '..');
const CACHE = join(ROOT, 'bench/.cache');
const SCORERS = ['nano-roberta', 'nano-bert'];
const DETOXIFIERS = ['nano-bart', 'nano-t5', 'nano-gpt2'];
/** Compared with fp32. */
const FORMS = ['int8', 'int8-static'] as const;
const THRESHOLD = 0.5;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '5000' },
    'measured-rows': { type: 'string', default: '64' },
    data: { type: 'string', default: join(ROOT, 'data') },
    only: { type: 'string', default: [...SCORERS, ...DETOXIFIERS].join(',') },
  },
});
const wanted = new Set(values.only.split(','));

const reference = (name: string, precision: Precision) => {
  return { folder: join(ROOT, 'models', name), name, precision, cacheFolder: join(CACHE, 'graphs') };
};

/** Some of the rows, as a run measures its scales on some of its own. */
function some(texts: readonly string[]): string[] {
  const step = Math.max(1, Math.floor(texts.length / Number(values['measured-rows'])));
  return texts.filter((_, at) => at % step === 0).slice(0, Number(values['measured-rows']));
}

function readColumns(file: string): string[][] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(1);
  return lines.filter((line) => line !== '').map((line) => line.split('\t'));
}

async function toxicities(name: string, precision: Precision, texts: readonly string[]): Promise<number[]> {
  const { onScale, scales } = collectScales();
  if (precision === 'int8-static') {
    const measuring = await loadScorer({ ...reference(name, 'int8'), onScale });
    await measuring.score(some(texts));
    await measuring.close();
  }
  const scorer = await loadScorer({ ...reference(name, precision), scales: scales() });
  const scores = await scorer.score(texts);
  await scorer.close();
  return scores.map(({ toxicity }) => toxicity);
}

async function compareScorer(name: string, texts: readonly string[]) {
  const exact = await toxicities(name, 'fp32', texts);
  const forms = [];
  for (const precision of FORMS) {
    const others = await toxicities(name, precision, texts);
    const pairs = exact.map((one, at): [number, number] => [one, others[at] ?? Number.NaN]);
    const equalLabels = pairs.filter(([one, other]) => one >= THRESHOLD === other >= THRESHOLD).length;
    const distances = pairs.map(([one, other]) => Math.abs(one - other));
    const meanDistance = distances.reduce((sum, distance) => sum + distance, 0) / texts.length;
    forms.push({ precision, equalLabels, meanDistance, largestDistance: Math.max(...distances) });
  }
  return { name, rows: texts.length, forms };
}

async function rewrites(name: string, precision: Precision, texts: readonly string[]): Promise<string[]> {
  const { onScale, scales } = collectScales();
  if (precision === 'int8-static') {
    const measuring = await loadDetoxifier({ ...reference(name, 'int8'), onScale });
    await measuring.rewrite(some(texts));
    await measuring.close();
  }
  const detoxifier = await loadDetoxifier({ ...reference(name, precision), scales: scales() });
  const outputs = await detoxifier.rewrite(texts);
  await detoxifier.close();
  return outputs.map(({ text }) => text.trim());
}

async function compareDetoxifier(name: string, pairs: readonly (readonly string[])[]) {
  const sources = pairs.map(([source = '']) => source);
  const outputs: string[][] = [];
  for (const precision of ['fp32', ...FORMS] as const) outputs.push(await rewrites(name, precision, sources));
  const files = outputs.map((texts, form) => {
    const file = join(CACHE, `${name}-${form}.jsonl`);
    const lines = pairs.map(([src, ref = '', ref1 = '', ref2 = ''], at) => {
      return JSON.stringify({ src, out: texts[at], ref, ref1, ref2 });
    });
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  });
  const main = join(ROOT, 'src/cli/main.ts');
  const env = { ...process.env, DETOXQ_HOME: join(CACHE, 'precision-home') };
  const stdio: 'pipe'[] = ['pipe', 'pipe', 'pipe'];
  const [exact = '', ...others] = files;
  const evaluations = others.map((file) => {
    const given = [main, 'evaluate', exact, file, '--json'];
    return JSON.parse(execFileSync(process.execPath, given, { encoding: 'utf8', env, stdio })).systems;
  });
  const forms = FORMS.map((precision, form) => ({
    precision,
    equalOutputs: sources.filter((_, at) => outputs[0]?.[at] === outputs[form + 1]?.[at]).length,
    j: evaluations[form][1].metrics.j,
    /** Less that of fp32, paired. */
    difference: evaluations[form][1].differences.j,
  }));
  return { name, rows: sources.length, j: evaluations[0][0].metrics.j, forms };
}

mkdirSync(CACHE, { recursive: true });
const jigsaw = [
  ...new Set(readColumns(join(values.data, 'jigsaw_labelled.tsv')).map(([text = '']) => toModelForm(text))),
];
const scorers = [];
for (const name of SCORERS.filter((each) => wanted.has(each))) {
  const compared = await compareScorer(name, jigsaw.slice(0, Number(values.rows)));
  scorers.push(compared);
  for (const { precision, equalLabels, meanDistance, largestDistance } of compared.forms) {
    console.log(
      `${name}: ${precision} gives the label of fp32 on ${equalLabels} of ${compared.rows} Jigsaw comments; toxicity differs by ` +
        `${meanDistance.toFixed(4)} on average, ${largestDistance.toFixed(3)} at most`,
    );
  }
}
const heldOut = join(CACHE, 'held-out.tsv');
const arguments_ = ['-m', 'training.held_out', '--data', values.data, '--part', 'test', '--out', heldOut];
execFileSync(openEnvironment().python, arguments_, { cwd: ROOT, stdio: ['ignore', 2, 2] });
const detoxifiers = [];
for (const name of DETOXIFIERS.filter((each) => wanted.has(each))) {
  const compared = await compareDetoxifier(name, readColumns(heldOut));
  detoxifiers.push(compared);
  for (const { precision, equalOutputs, j, difference } of compared.forms) {
    const interval = `${difference.low.toFixed(4)} to ${difference.high.toFixed(4)}`;
    console.log(
      `${name}: ${precision} gives the output of fp32 on ${equalOutputs} of ${compared.rows} sentences; J ` +
        `${j.mean.toFixed(4)} against ${compared.j.mean.toFixed(4)}, difference ${difference.mean.toFixed(4)} (${interval})`,
    );
  }
}
const machine = readMachine();
const result: PrecisionResult = {
  ...{
    name: 'precision',
    title: 'int8 and int8-static against fp32',
    kind: 'precision',
    machine,
    commit: readCommit(),
  },
  ...{ takenAt: new Date().toISOString(), scorers, detoxifiers },
};
const results = join(ROOT, 'docs/benchmarks');
mkdirSync(results, { recursive: true });
writeFileSync(join(results, `precision.${machine.kind}.json`), `${JSON.stringify(result, null, 2)}\n`);
