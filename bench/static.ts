/**
 * int8-static against int8: what scales that are known before are worth, on models of base size, one core.
 *
 *   npm run bench -- static [--rows 384] [--cores 0] [--data ../shared/data]
 *
 * Both in one process, in turns of few rows (int8, static, static, int8), by processor time, the median of a process's turns; four processes a
 * work. What other engines are compared with takes minutes a turn, in which a shared machine changes by more than this is worth.
 * `docs/benchmarks/static.KIND.json`.
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
import { MEASURED_ROWS } from './peers/engines.ts';
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
  /** Of `--rows`, which every process has. */
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
/** Of each work; in every second one int8-static is loaded first. */
const PROCESSES = 4;

const options = readOptions({ rows: 384, rounds: 1 });
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

interface Turns {
  readonly ratios: readonly number[];
  readonly equal: number;
}

/** In a process of its own. What is loaded first has other memory than what comes after it, which is worth as much as what is measured here. */
async function takeTurns(work: Work, staticFirst: boolean): Promise<Turns> {
  const { texts } = (work.generation ? paradetox : jigsaw)({ ...options, rows: rowsOf(work) + MEASURED_ROWS });
  const { onScale, scales } = collectScales();
  const measuring = await open(work, { precision: 'int8', onScale });
  await measuring.run(texts.slice(0, MEASURED_ROWS));
  await measuring.close();
  const openStatic = () => open(work, { precision: 'int8-static', scales: scales() });
  const early = staticFirst ? await openStatic() : null;
  const int8 = await open(work, { precision: 'int8' });
  const fixed = early ?? (await openStatic());
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
  return { ratios, equal };
}

function rowsOf({ share }: Work): number {
  return Math.ceil(options.rows * share);
}

function inProcess(index: number, staticFirst: boolean): Turns {
  // Memory is kept as in engine processes.
  const env = { ...process.env, ...KEPT_MEMORY, DETOXQ_STATIC: JSON.stringify({ index, staticFirst }) };
  const self = [process.execPath, import.meta.filename, ...process.argv.slice(2)];
  const stdio: ('ignore' | 'pipe' | 'inherit')[] = ['ignore', 'pipe', 'inherit'];
  return JSON.parse(
    execFileSync('taskset', ['-c', options.cores[0] ?? '0', ...self], { env, stdio, encoding: 'utf8' }),
  );
}

function compareAll(): void {
  const loadBefore = loadavg()[0] ?? 0;
  const works = WORKS.map((work, index) => {
    const processes = Array.from({ length: PROCESSES }, (_, p) => inProcess(index, p % 2 === 1));
    const [{ equal } = { equal: 0 }] = processes;
    const ratios = processes.map((turns) => median(turns.ratios));
    console.log(
      `${work.title}: int8-static × ${median(ratios).toFixed(3)} of int8 (${range(ratios, 2)}), ${equal} of ${rowsOf(work)} outputs or labels equal`,
    );
    return { title: work.title, rows: rowsOf(work), rowsInATurn: work.rows, ratios, equal };
  });
  const machine = readMachine();
  const result: StaticResult = {
    ...{ machine, commit: readCommit(), takenAt: new Date().toISOString(), works },
    loadAverage: [loadBefore, loadavg()[0] ?? 0],
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `static.${machine.kind}.json`), `${JSON.stringify(result, null, 2)}\n`);
}

const given = process.env.DETOXQ_STATIC;
if (given === undefined) {
  compareAll();
} else {
  const { index, staticFirst } = JSON.parse(given);
  const work = WORKS[index];
  if (work) console.log(JSON.stringify(await takeTurns(work, staticFirst)));
}
