/**
 * int8-static and fp32 against int8 in speed, on models of base size, one core.
 *
 *   npm run bench -- precision-speed [--rows 384] [--cores 0] [--data data]
 *
 * All in one process, in turns of few rows (int8, int8-static, fp32, fp32, int8-static, int8), by processor time, the median of a process's turns;
 * four processes a work. What other engines are compared with takes minutes a turn, in which a shared machine changes by more than int8-static
 * is worth. `docs/benchmarks/precision-speed.KIND.json`.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { KEPT_MEMORY } from '../src/config.ts';
import type { GenerationOverrides } from '../src/contract/generation.ts';
import type { Precision } from '../src/contract/models.ts';
import { loadDetoxifier, loadScorer } from '../src/engine/index.ts';
import { collectScales, type StaticScales } from '../src/engine/runtime/static-scales.ts';
import { RESULTS } from './peers/compare.ts';
import { MEASURED_ROWS } from './peers/engines.ts';
import { openEnvironment, type Size } from './peers/environment.ts';
import { readCommit, readMachine } from './peers/machine.ts';
import { jigsaw, paradetox, readOptions } from './peers/options.ts';
import { median, range } from './peers/statistics.ts';
import type { PrecisionSpeedResult } from './report/results.ts';

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
/** Of each work; in every second one int8 is loaded last. */
const PROCESSES = 4;
const OTHERS = ['int8-static', 'fp32'] as const;

const options = readOptions({ rows: 384, rounds: 1 });
const environment = openEnvironment();
interface Open {
  run(texts: readonly string[]): Promise<readonly string[]>;
  close(): Promise<void>;
}

async function open({ size, generation }: Work, form: StaticScales & { precision: Precision }): Promise<Open> {
  const checkpoint = { folder: environment.checkpoint(size), name: size, cacheFolder: environment.graphs, ...form };
  if (generation === undefined) {
    const { score, close } = await loadScorer(checkpoint);
    return { run: async (texts) => (await score(texts)).map(({ toxicity }) => String(toxicity >= 0.5)), close };
  }
  const { rewrite, close } = await loadDetoxifier({ ...checkpoint, generation });
  return { run: async (texts) => (await rewrite(texts)).map(({ tokens }) => tokens.join(' ')), close };
}

/** Of one of the others. */
interface Turns {
  readonly ratios: readonly number[];
  readonly equal: number;
}

/** In a process of its own. What is loaded first has other memory than what comes after it, which is worth as much as what is measured here. */
async function takeTurns(work: Work, int8Last: boolean): Promise<Turns[]> {
  const { texts } = (work.generation ? paradetox : jigsaw)({ ...options, rows: rowsOf(work) + MEASURED_ROWS });
  const { onScale, scales } = collectScales();
  const measuring = await open(work, { precision: 'int8', onScale });
  await measuring.run(texts.slice(0, MEASURED_ROWS));
  await measuring.close();
  const early = int8Last ? null : await open(work, { precision: 'int8' });
  const others: Open[] = [];
  for (const precision of OTHERS) {
    others.push(await open(work, precision === 'int8-static' ? { precision, scales: scales() } : { precision }));
  }
  const int8 = early ?? (await open(work, { precision: 'int8' }));
  const forms = [int8, ...others];
  for (const form of forms) await form.run(texts.slice(0, MEASURED_ROWS));
  const turns = others.map(() => ({ ratios: [] as number[], equal: 0 }));
  for (let from = MEASURED_ROWS; from < texts.length; from += work.rows) {
    const turn = texts.slice(from, from + work.rows);
    const used = forms.map(() => 0);
    const outputs: (readonly string[])[] = [];
    for (const f of [...forms.keys(), ...[...forms.keys()].reverse()]) {
      const before = process.cpuUsage();
      outputs[f] = (await forms[f]?.run(turn)) ?? [];
      const { user, system } = process.cpuUsage(before);
      used[f] = (used[f] ?? 0) + user + system;
    }
    for (const [o, other] of turns.entries()) {
      other.ratios.push((used[0] ?? Number.NaN) / (used[o + 1] ?? Number.NaN));
      other.equal += turn.filter((_, i) => outputs[0]?.[i] === outputs[o + 1]?.[i]).length;
    }
  }
  return turns;
}

function rowsOf({ share }: Work): number {
  return Math.ceil(options.rows * share);
}

function inProcess(index: number, int8Last: boolean): Turns[] {
  // Memory is kept as in engine processes.
  const env = { ...process.env, ...KEPT_MEMORY, DETOXQ_PRECISION_SPEED: JSON.stringify({ index, int8Last }) };
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
    const forms = OTHERS.map((precision, o) => {
      const ratios = processes.map((turns) => median(turns[o]?.ratios ?? []));
      const equal = processes[0]?.[o]?.equal ?? 0;
      console.log(
        `${work.title}: ${precision} × ${median(ratios).toFixed(3)} of int8 (${range(ratios, 2)}), ${equal} of ${rowsOf(work)} outputs or labels equal`,
      );
      return { precision, ratios, equal };
    });
    return { title: work.title, rows: rowsOf(work), rowsInATurn: work.rows, forms };
  });
  const machine = readMachine();
  const result: PrecisionSpeedResult = {
    ...{ machine, commit: readCommit(), takenAt: new Date().toISOString(), works },
    loadAverage: [loadBefore, loadavg()[0] ?? 0],
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `precision-speed.${machine.kind}.json`), `${JSON.stringify(result, null, 2)}\n`);
}

const given = process.env.DETOXQ_PRECISION_SPEED;
if (given === undefined) {
  compareAll();
} else {
  const { index, int8Last } = JSON.parse(given);
  const work = WORKS[index];
  if (work) console.log(JSON.stringify(await takeTurns(work, int8Last)));
}
