/*
 * Compares a checkpoint in this engine with transformers, and says how fast it ran.
 *
 *   python -m training.reference models/nano-bart comments.csv --out reference.jsonl     (Python, once)
 *   node bench/engine-parity.ts models/nano-bart reference.jsonl [--precision int8] [--limit 256] [--repeat 3]
 *
 * The reference's input tokens, generated tokens and text, or logits, are compared row by row. In fp32, exit code 1 if
 * anything differs (logits: by more than 1e-4). In int8 the figures are printed for judgement.
 */
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Precision, Rewrite, Score } from '../src/contract/models.ts';
import { loadTokenizer } from '../src/engine/checkpoint/tokenizer/tokenizer.ts';
import { loadDetoxifier, loadScorer } from '../src/engine/index.ts';
import { readReferences } from '../test/support/references.ts';

interface Report {
  /** Rows with the same result, by what is compared. */
  readonly equal: Readonly<Record<string, number>>;
  readonly figures: Readonly<Record<string, number>>;
  /** Numbers of the rows that differ, from 0. */
  readonly different: readonly number[];
}

const LOGIT_TOLERANCE = 1e-4;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    precision: { type: 'string', default: 'fp32' },
    limit: { type: 'string' },
    repeat: { type: 'string', default: '1' },
    cache: { type: 'string', default: join(tmpdir(), 'detoxq-engine-parity') },
  },
});
const [folder, file] = positionals;
if (folder === undefined || file === undefined) throw new Error('usage: engine-parity.ts CHECKPOINT REFERENCE.jsonl');
const precision: Precision = values.precision === 'int8' ? 'int8' : 'fp32';
const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : Number(values.limit);
const rows = readReferences(file).slice(0, limit);
const texts = rows.map((row) => row.text);

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function compareTokens(rewrites: readonly Rewrite[]): Report {
  const different: number[] = [];
  let text = 0;
  let generated = 0;
  rows.forEach((row, i) => {
    const rewrite = rewrites[i];
    if (!rewrite || !same(rewrite.tokens, row.tokens)) different.push(i);
    if (rewrite?.text === row.output) text++;
    generated += row.tokens.length;
  });
  return { equal: { tokens: rows.length - different.length, text }, figures: { generated }, different };
}

function compareLogits(scores: readonly Score[]): Report {
  const different: number[] = [];
  let largest = 0;
  let labels = 0;
  rows.forEach((row, i) => {
    const logits = scores[i]?.logits ?? [];
    const distance = Math.max(...row.logits.map((value, label) => Math.abs(value - (logits[label] ?? Number.NaN))));
    if (!(distance <= LOGIT_TOLERANCE)) different.push(i);
    if (logits.indexOf(Math.max(...logits)) === row.logits.indexOf(Math.max(...row.logits))) labels++;
    largest = Math.max(largest, distance);
  });
  return { equal: { logits: rows.length - different.length, labels }, figures: { largest }, different };
}

/** Runs `call` as often as asked and keeps the fastest time: the machine may be busy with something else. */
async function measure<T>(call: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  let best = Number.POSITIVE_INFINITY;
  for (;;) {
    const start = performance.now();
    const result = await call();
    best = Math.min(best, (performance.now() - start) / 1000);
    if (--repeats <= 0) return { result, seconds: best };
  }
}

let repeats = Number(values.repeat);
const options = { folder, name: basename(folder), precision, cacheFolder: values.cache };
const started = performance.now();
let report: Report;
let seconds: number;
let loadMs: number;
let encode: (text: string, maxTokens: number) => readonly number[];
if (rows[0]?.tokens !== undefined) {
  const detoxifier = await loadDetoxifier(options);
  loadMs = performance.now() - started;
  encode = detoxifier.encode;
  const run = await measure(() => detoxifier.rewrite(texts));
  ({ seconds } = run);
  report = compareTokens(run.result);
} else {
  const tokenizer = loadTokenizer(folder, Number.POSITIVE_INFINITY);
  encode = (text, length) => tokenizer.encode(text, length);
  const scorer = await loadScorer(options);
  loadMs = performance.now() - started;
  const run = await measure(() => scorer.score(texts));
  ({ seconds } = run);
  report = compareLogits(run.result);
}

const inputs = rows.filter((row) => same(encode(row.text, row.input_tokens.length), row.input_tokens)).length;
console.log(
  JSON.stringify({
    checkpoint: options.name,
    precision,
    rows: rows.length,
    equal: { input_tokens: inputs, ...report.equal },
    ...report.figures,
    different: report.different.slice(0, 20),
    rows_per_second: Number((rows.length / seconds).toFixed(1)),
    load_ms: Math.round(loadMs),
    rss_mb: Math.round(process.memoryUsage.rss() / 1e6),
  }),
);
if (precision === 'fp32' && (report.different.length > 0 || inputs < rows.length)) process.exitCode = 1;
