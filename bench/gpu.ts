/**
 * A GPU: the tokens and labels of its graphs against fp32 on the CPU, then rows/s of BART-base size against the peers there.
 *
 *   npm run bench -- gpu [--device cuda:0] [--rows 2000] [--rounds 3] [--cores 0,1] [--data data]
 *
 * The first part runs the bundled models over examples/comments.csv in fp32 and in fp16 and ends with exit code 1 where fp32
 * differs on a row, or fp16 on more than 5 %. With NVIDIA_TF32_OVERRIDE=0 a CUDA device computes fp32 as such; without it,
 * onnxruntime lets it round factors of products. The second part is for CUDA alone, which the peers have.
 */
import { join } from 'node:path';
import { deviceName, parseDevice } from '../src/contract/device.ts';
import { loadClassifier, loadDetoxifier } from '../src/engine/index.ts';
import { openDataset } from '../src/producer/dataset.ts';
import { compare } from './peers/compare.ts';
import { cudaGenerators, ours } from './peers/engines.ts';
import { openEnvironment } from './peers/environment.ts';
import { paradetox, readOptions } from './peers/options.ts';
import { printResults } from './peers/print.ts';

const ROOT = join(import.meta.dirname, '..');
const at = process.argv.indexOf('--device');
const [, text = 'cuda'] = at === -1 ? [] : process.argv.splice(at, 2);
const device = parseDevice(text);
if (device === null) throw new Error(`--device ${text}: it must be cuda, cuda:N, webgpu or cpu`);
const options = readOptions({ rows: 2000, rounds: 3, cores: '0,1' });
const cacheFolder = join(ROOT, 'bench/.cache/graphs');

const texts: string[] = [];
const dataset = await openDataset([join(ROOT, 'examples/comments.csv')], {});
for await (const batch of dataset.read()) texts.push(...batch.flatMap((row) => ('text' in row ? row.text : [])));

/** Share of rows that may differ. */
const ALLOWED = { fp32: 0, fp16: 0.05 } as const;

function report(what: string, precision: keyof typeof ALLOWED, different: number, more = ''): void {
  const failed = different > ALLOWED[precision] * texts.length;
  if (failed) process.exitCode = 1;
  const equal = texts.length - different;
  console.log(
    `${what.padEnd(13)} ${precision}  ${equal} of ${texts.length} rows equal${more}${failed ? '  FAILED' : ''}`,
  );
}

console.log(`${deviceName(device)} against fp32 on the CPU, the bundled models, examples/comments.csv:`);
for (const name of ['nano-bart', 'nano-t5', 'nano-gpt2']) {
  const generation = { num_beams: 1, max_new_tokens: 64 };
  const source = { folder: join(ROOT, 'models', name), name, cacheFolder, generation };
  const exact = await loadDetoxifier({ ...source, precision: 'fp32' });
  const expected = (await exact.rewrite(texts)).map((rewrite) => rewrite.tokens.join());
  await exact.close();
  for (const precision of ['fp32', 'fp16'] as const) {
    const model = await loadDetoxifier({ ...source, precision, device });
    const startMs = performance.now();
    const rewrites = await model.rewrite(texts);
    const seconds = (performance.now() - startMs) / 1000;
    const different = rewrites.filter((rewrite, i) => rewrite.tokens.join() !== expected[i]).length;
    report(name, precision, different, `, ${(texts.length / seconds).toFixed(1)} rows/s, first call`);
    await model.close();
  }
}
for (const name of ['nano-roberta', 'nano-bert']) {
  const source = { folder: join(ROOT, 'models', name), name, cacheFolder };
  const exact = await loadClassifier({ ...source, precision: 'fp32' });
  const expected = await exact.classify(texts);
  await exact.close();
  for (const precision of ['fp32', 'fp16'] as const) {
    const model = await loadClassifier({ ...source, precision, device });
    const results = await model.classify(texts);
    const best = (values: readonly number[]) => values.indexOf(Math.max(...values));
    const different = results.filter((row, i) => best(row.logits) !== best(expected[i]?.logits ?? [])).length;
    const apart = results.map((row, i) =>
      Math.max(
        ...row.probabilities.map((value, label) => Math.abs(value - (expected[i]?.probabilities[label] ?? NaN))),
      ),
    );
    report(name, precision, different, `, probabilities within ${Math.max(...apart).toExponential(1)}`);
    await model.close();
  }
}

if (device.kind === 'cuda') {
  const environment = openEnvironment();
  const generation = { num_beams: 1, max_new_tokens: 64 };
  printResults(
    await compare({
      name: 'gpu-bart-greedy',
      title: `BART-base, greedy, fp16, ${deviceName(device)}`,
      kind: 'generator',
      goal: 1,
      rows: paradetox(options),
      rounds: options.rounds,
      // One process a side, which may use all of these.
      cores: [options.cores.join(',')],
      sample: 512,
      ours: ours(environment, 'bart-base', generation, device),
      peers: cudaGenerators(environment, 'bart-base', generation),
    }),
  );
}
