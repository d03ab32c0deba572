/*
 * What checkpoints of real size cost: compiling, loading, memory and speed, each in a fresh process, on one thread.
 *
 *   python -m training.real_size_checkpoints --out real-size                 (Python, once)
 *   node bench/engine-size.ts real-size/bart-base real-size/gpt2 …           [--precision int8] [--rows 64]
 *
 * Prints a Markdown table. The first process compiles with an empty cache; the second finds the graphs, loads them and works
 * on rows of examples/comments.csv.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import papaparse from 'papaparse';
import type { Precision } from '../src/contract/models.ts';
import { classOf } from '../src/engine/architectures/registry.ts';
import { readArchitecture } from '../src/engine/checkpoint/identity.ts';
import { loadDetoxifier, loadScorer } from '../src/engine/index.ts';

interface Measured {
  readonly loadSeconds: number;
  readonly rowsPerSecond: number;
  readonly loadedMegabytes: number;
  readonly peakMegabytes: number;
}

const MAX_NEW_TOKENS = 16;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    precision: { type: 'string', multiple: true, default: ['int8', 'fp32'] },
    rows: { type: 'string', default: '64' },
    /** What the processes that measure are started with. */
    measure: { type: 'string' },
  },
});

function texts(count: number): string[] {
  const file = join(import.meta.dirname, '../examples/comments.csv');
  const { data } = papaparse.parse<{ text?: string }>(readFileSync(file, 'utf8'), { header: true });
  return data.flatMap((row) => row.text ?? []).slice(0, count);
}

async function measure(folder: string, precision: Precision, cacheFolder: string, count: number): Promise<Measured> {
  const options = { folder, name: basename(folder), precision, cacheFolder };
  const start = performance.now();
  const generates = classOf(readArchitecture(folder))?.generator !== undefined;
  const generation = { num_beams: 1, max_new_tokens: MAX_NEW_TOKENS };
  const detoxifier = generates ? await loadDetoxifier({ ...options, generation }) : null;
  const scorer = generates ? null : await loadScorer(options);
  const loaded = performance.now();
  const loadedMegabytes = process.memoryUsage.rss() / 1e6;
  const rows = texts(count);
  await detoxifier?.rewrite(rows);
  await scorer?.score(rows);
  return {
    loadSeconds: (loaded - start) / 1000,
    rowsPerSecond: rows.length === 0 ? 0 : rows.length / ((performance.now() - loaded) / 1000),
    loadedMegabytes,
    peakMegabytes: process.resourceUsage().maxRSS / 1000,
  };
}

function inProcess(folder: string, precision: string, cache: string, rows: number): Measured {
  const request = JSON.stringify([folder, precision, cache, rows]);
  const printed = execFileSync(process.execPath, [import.meta.filename, '--measure', request], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(printed);
}

function megabytes(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return (
    files.reduce(
      (sum, file) => sum + (statSync(join(folder, file)).isFile() ? statSync(join(folder, file)).size : 0),
      0,
    ) / 1e6
  );
}

if (values.measure !== undefined) {
  const [folder, precision, cache, rows] = JSON.parse(values.measure);
  console.log(JSON.stringify(await measure(folder, precision, cache, rows)));
} else {
  console.log(
    '| checkpoint | precision | compile, s | on disk, MB | load, s | loaded, MB | peak while compiling, MB | peak at work, MB | rows/s |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const folder of positionals) {
    for (const precision of values.precision) {
      const cache = mkdtempSync(join(tmpdir(), 'detoxq-engine-size-'));
      const cold = inProcess(folder, precision, cache, 0);
      const warm = inProcess(folder, precision, cache, Number(values.rows));
      const cells = [
        basename(folder),
        precision,
        (cold.loadSeconds - warm.loadSeconds).toFixed(1),
        megabytes(cache).toFixed(0),
        warm.loadSeconds.toFixed(1),
        warm.loadedMegabytes.toFixed(0),
        cold.peakMegabytes.toFixed(0),
        warm.peakMegabytes.toFixed(0),
        warm.rowsPerSecond.toFixed(1),
      ];
      console.log(`| ${cells.join(' | ')} |`);
      rmSync(cache, { recursive: true });
    }
  }
}
