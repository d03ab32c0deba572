/**
 * Where the engine's time goes, operator by operator, and what the matrix products alone would allow: the bound of any engine on these kernels.
 *
 *   npm run bench -- profile [--rows 512] [--cores 0] [--data data]
 *
 * onnxruntime's own profiler, int8, one thread, real-size checkpoints. Seconds are those of the kernels, which the profiler
 * itself makes a few percent longer. `docs/benchmarks/profile.KIND.json` and a table.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KEPT_MEMORY } from '../src/config.ts';
import type { GenerationOverrides } from '../src/contract/generation.ts';
import type { Precision } from '../src/contract/models.ts';
import { loadDetoxifier, loadScorer } from '../src/engine/index.ts';
import { collectScales, type StaticScales } from '../src/engine/runtime/static-scales.ts';
import { RESULTS } from './peers/compare.ts';
import { type Environment, openEnvironment, type Size } from './peers/environment.ts';
import { readCommit, readMachine } from './peers/machine.ts';
import { jigsaw, paradetox, readOptions } from './peers/options.ts';
import type { Profile, ProfileResult } from './report/results.ts';

interface Job {
  readonly title: string;
  readonly size: Size;
  readonly generation?: GenerationOverrides;
  /** In int8-static, by scales that the same rows would do with. */
  readonly isStatic?: boolean;
  /** Share of `--rows` that it takes. */
  readonly share: number;
}

const JOBS: readonly Job[] = [
  { title: 'BART-base, greedy', size: 'bart-base', generation: { num_beams: 1, max_new_tokens: 64 }, share: 1 },
  {
    title: 'BART-base, beam 5',
    size: 'bart-base',
    generation: { num_beams: 5, no_repeat_ngram_size: 3, repetition_penalty: 10, max_new_tokens: 64 },
    share: 0.25,
  },
  { title: 'T5-base, greedy', size: 't5-base', generation: { num_beams: 1, max_new_tokens: 64 }, share: 0.5 },
  { title: 'GPT-2, 20 tokens', size: 'gpt2', generation: { num_beams: 1, max_new_tokens: 20 }, share: 0.5 },
  { title: 'RoBERTa-base scorer', size: 'roberta-base', share: 1 },
  {
    ...{ title: 'BART-base, greedy, int8-static', size: 'bart-base', isStatic: true },
    ...{ generation: { num_beams: 1, max_new_tokens: 64 }, share: 1 },
  },
  { title: 'RoBERTa-base scorer, int8-static', size: 'roberta-base', isStatic: true, share: 1 },
];

interface Event {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly Record<string, readonly number[]>[];
    readonly output_type_shape?: readonly Record<string, readonly number[]>[];
  };
}

const PRODUCT = 'MatMulIntegerToFloat';
/** Their time is that of what they contain. */
const CONTROL: ReadonlySet<string> = new Set(['Loop', 'If']);
const options = readOptions({ rows: 512, rounds: 1 });
const child = process.env.DETOXQ_PROFILE;

if (child === undefined) {
  await profileAll();
} else {
  await work(JSON.parse(child));
}

/** Every job in a process of its own, since the cores are a process's. */
async function profileAll(): Promise<void> {
  const environment = openEnvironment();
  const profiles = JOBS.map((job) => profile(job, environment));
  const machine = readMachine();
  const result: ProfileResult = { machine, commit: readCommit(), takenAt: new Date().toISOString(), profiles };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `profile.${machine.kind}.json`), `${JSON.stringify(result, null, 2)}\n`);
  for (const each of profiles) {
    const rate = each.products / each.productSeconds;
    const share = (seconds: number) => `${((100 * seconds) / each.seconds).toFixed(1)} %`;
    console.log(
      `${each.title}: ${each.rows} rows, ${each.seconds.toFixed(1)} s in kernels, ${(each.products / each.rows).toFixed(2)} GMAC per row; products ${share(each.productSeconds)} at ${rate.toFixed(0)} GMAC/s, alone ${(each.rows / each.productSeconds).toFixed(1)} rows/s`,
    );
    for (const [name, seconds] of Object.entries(each.operators).slice(0, 12)) {
      console.log(`  ${share(seconds).padStart(7)} ${seconds.toFixed(2).padStart(7)} s  ${name}`);
    }
  }
}

function profile(job: Job, environment: Environment): Profile {
  const folder = mkdtempSync(join(tmpdir(), 'detoxq-profile-'));
  try {
    const texts = (job.generation ? paradetox : jigsaw)({
      ...options,
      rows: Math.ceil(options.rows * job.share),
    }).texts;
    const file = join(folder, 'texts.json');
    writeFileSync(file, JSON.stringify(texts));
    const load = { folder: environment.checkpoint(job.size), name: job.size, cacheFolder: environment.graphs };
    console.error(`${job.title}: ${texts.length} rows`);
    execFileSync('taskset', ['-c', options.cores.join(','), process.execPath, import.meta.filename], {
      env: {
        ...process.env,
        ...KEPT_MEMORY,
        DETOXQ_PROFILE: JSON.stringify({
          ...{ load, file, folder },
          generation: job.generation,
          isStatic: job.isStatic,
        }),
      },
      stdio: ['ignore', 2, 2],
    });
    return summarize(job.title, texts.length, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Work {
  readonly load: { readonly folder: string; readonly name: string; readonly cacheFolder: string };
  readonly generation?: GenerationOverrides;
  readonly isStatic?: boolean;
  /** Texts, as JSON. */
  readonly file: string;
  /** Where the profiles go. */
  readonly folder: string;
}

/** In the process of its own: the sessions that the engine opens are told to keep a profile. */
async function work({ load, generation, isStatic = false, file, folder }: Work): Promise<void> {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const { InferenceSession } = await import('onnxruntime-node');
  const create = InferenceSession.create.bind(InferenceSession) as (
    model: string,
    given: object,
  ) => ReturnType<typeof InferenceSession.create>;
  let count = 0;
  const profiled = async (model: string | Uint8Array, given: object) => {
    if (typeof model !== 'string') return create(model as never, given);
    const prefix = join(folder, String(count++));
    const session = await create(model, { ...given, enableProfiling: true, profileFilePrefix: prefix });
    const release = session.release.bind(session);
    session.release = async () => {
      session.endProfiling();
      await release();
    };
    return session;
  };
  const texts: string[] = JSON.parse(readFileSync(file, 'utf8'));
  const run = async (form: StaticScales & { readonly precision: Precision }) => {
    if (generation) {
      const detoxifier = await loadDetoxifier({ ...load, ...form, generation });
      await detoxifier.rewrite(texts);
      await detoxifier.close();
    } else {
      const scorer = await loadScorer({ ...load, ...form });
      await scorer.score(texts);
      await scorer.close();
    }
  };
  const { onScale, scales } = collectScales();
  if (isStatic) await run({ precision: 'int8', onScale });
  InferenceSession.create = profiled as typeof InferenceSession.create;
  await run(isStatic ? { precision: 'int8-static', scales: scales() } : { precision: 'int8' });
}

function summarize(title: string, rows: number, folder: string): Profile {
  const operators: Record<string, number> = {};
  let products = 0;
  for (const name of readdirSync(folder).filter((file) => file !== 'texts.json')) {
    const events: Event[] = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    for (const { cat, name: event, dur, args } of events) {
      const operator = args?.op_name;
      if (cat !== 'Node' || !event.endsWith('_kernel_time') || operator === undefined || CONTROL.has(operator))
        continue;
      operators[operator] = (operators[operator] ?? 0) + dur / 1e6;
      if (operator === PRODUCT) products += multiplyAdds(args) / 1e9;
    }
  }
  const sorted = Object.entries(operators).sort(([, a], [, b]) => b - a);
  const seconds = sorted.reduce((sum, [, each]) => sum + each, 0);
  return {
    title,
    rows,
    seconds,
    productSeconds: operators[PRODUCT] ?? 0,
    products,
    operators: Object.fromEntries(sorted),
  };
}

/** [rows, inputs] times [inputs, outputs]. */
function multiplyAdds({ input_type_shape: inputs, output_type_shape: outputs }: Event['args']): number {
  const [rows = 0, features = 0] = Object.values(inputs?.[0] ?? {})[0] ?? [];
  const [, results = 0] = Object.values(outputs?.[0] ?? {})[0] ?? [];
  return rows * features * results;
}
