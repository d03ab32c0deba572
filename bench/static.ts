/**
 * int8-static against int8: what scales that are known before are worth, on models of base size, one core.
 *
 *   npm run bench -- static [--rows 768] [--cores 0] [--data ../shared/data]
 *
 * Both in one process, in turns of few rows (int8, static, static, int8), by processor time: what other engines are compared with takes
 * minutes a turn, in which a shared machine changes by more than this is worth. `docs/benchmarks/static.KIND.json`.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { KEPT_MEMORY } from '../src/config.ts';
import type { GenerationOverrides } from '../src/contract/generation.ts';
import { loadDetoxifier, loadScorer } from '../src/engine/load.ts';
import { collectScales, type StaticScales } from '../src/engine/static-scales.ts';
import { RESULTS } from './peers/compare.ts';
import { openEnvironment, type Size } from './peers/environment.ts';
import { readCommit, readMachine } from './peers/machine.ts';
import { jigsaw, paradetox, readOptions } from './peers/options.ts';
import { median, range } from './peers/statistics.ts';
import type { StaticResult } from './report/results.ts';

interface Work {
  readonly title: string;
  readonly size: Size;
  readonly generation?: GenerationOverrides;
  /** Of one turn. */
  readonly rows: number;
  /** Of `--rows`. */
  readonly share: number;
}

const WORKS: readonly Work[] = [
  {
    ...{ title: 'BART-base, greedy', size: 'bart-base', rows: 128, share: 1 },
    generation: { num_beams: 1, max_new_tokens: 64 },
  },
  {
    ...{ title: 'T5-base, greedy', size: 't5-base', rows: 128, share: 0.5 },
    generation: { num_beams: 1, max_new_tokens: 64 },
  },
  {
    ...{ title: 'GPT-2, 20 tokens', size: 'gpt2', rows: 128, share: 0.5 },
    generation: { num_beams: 1, max_new_tokens: 20 },
  },
  { title: 'RoBERTa-base scorer', size: 'roberta-base', rows: 48, share: 1 },
];
/** As in src/cli/calibrate-scales.ts. */
const MEASURED_ROWS = 64;

const options = readOptions({ rows: 768, rounds: 1 });
const environment = openEnvironment();
interface Open {
  run(texts: readonly string[]): Promise<readonly string[]>;
  close(): Promise<void>;
}

async function open(
  { size, generation }: Work,
  form: StaticScales & { precision: 'int8' | 'int8-static' },
): Promise<Open> {
  const checkpoint = { folder: environment.checkpoint(size), name: size, cacheFolder: environment.graphs, ...form };
  if (generation === undefined) {
    const { score, close } = await loadScorer(checkpoint);
    return { run: async (texts) => (await score(texts)).map(({ toxicity }) => String(toxicity >= 0.5)), close };
  }
  const { rewrite, close } = await loadDetoxifier({ ...checkpoint, generation });
  return { run: async (texts) => (await rewrite(texts)).map(({ tokens }) => tokens.join(' ')), close };
}

async function compareForms(work: Work): Promise<StaticResult['works'][number]> {
  const rows = Math.ceil(options.rows * work.share);
  const { texts } = (work.generation ? paradetox : jigsaw)({ ...options, rows: rows + MEASURED_ROWS });
  const { onScale, scales } = collectScales();
  const measuring = await open(work, { precision: 'int8', onScale });
  await measuring.run(texts.slice(0, MEASURED_ROWS));
  await measuring.close();
  const int8 = await open(work, { precision: 'int8' });
  const fixed = await open(work, { precision: 'int8-static', scales: scales() });
  for (const form of [int8, fixed]) await form.run(texts.slice(0, MEASURED_ROWS));
  const ratios: number[] = [];
  let equal = 0;
  for (let from = MEASURED_ROWS; from < texts.length; from += work.rows) {
    const turn = texts.slice(from, from + work.rows);
    const used = new Map([int8, fixed].map((form) => [form, 0]));
    const outputs = new Map<Open, readonly string[]>();
    for (const form of [int8, fixed, fixed, int8]) {
      const before = process.cpuUsage();
      outputs.set(form, await form.run(turn));
      const { user, system } = process.cpuUsage(before);
      used.set(form, (used.get(form) ?? 0) + user + system);
    }
    ratios.push((used.get(int8) ?? Number.NaN) / (used.get(fixed) ?? Number.NaN));
    equal += turn.filter((_, i) => outputs.get(int8)?.[i] === outputs.get(fixed)?.[i]).length;
  }
  await int8.close();
  await fixed.close();
  return { title: work.title, rows, rowsInATurn: work.rows, ratios, equal };
}

if (process.env.DETOXQ_STATIC === undefined) {
  // As engine processes have it.
  const env = { ...process.env, ...KEPT_MEMORY, DETOXQ_STATIC: '1' };
  const self = [process.execPath, import.meta.filename, ...process.argv.slice(2)];
  execFileSync('taskset', ['-c', options.cores[0] ?? '0', ...self], { env, stdio: 'inherit' });
} else {
  await compareAll();
}

async function compareAll(): Promise<void> {
  const loadBefore = loadavg()[0] ?? 0;
  const works = [];
  for (const work of WORKS) {
    const compared = await compareForms(work);
    works.push(compared);
    const { title, rows, ratios, equal } = compared;
    console.log(
      `${title}: int8-static × ${median(ratios).toFixed(3)} of int8 (${range(ratios, 2)}), ${equal} of ${rows} outputs or labels equal`,
    );
  }
  const machine = readMachine();
  const result: StaticResult = {
    ...{ machine, commit: readCommit(), takenAt: new Date().toISOString(), works },
    loadAverage: [loadBefore, loadavg()[0] ?? 0],
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `static.${machine.kind}.json`), `${JSON.stringify(result, null, 2)}\n`);
}
