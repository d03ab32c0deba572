/** This engine as a process that bench/peers/process.ts talks to: the same lines as bench/peers/peer.py. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type DetoxifierOptions, loadDetoxifier, loadScorer } from '../../src/engine/index.ts';
import { collectScales } from '../../src/engine/runtime/static-scales.ts';
import type { Outputs } from './process.ts';

type Work = (texts: readonly string[]) => Promise<Outputs>;

interface Load extends DetoxifierOptions {
  readonly engine: string;
  /** For int8-static: texts that its scales are measured on. */
  readonly measureOn?: readonly string[];
}

async function load({ measureOn, ...given }: Load): Promise<Work> {
  if (measureOn === undefined) return (await open(given)).work;
  const { onScale, scales } = collectScales();
  const measuring = await open({ ...given, precision: 'int8', onScale });
  await measuring.work(measureOn);
  await measuring.close();
  return (await open({ ...given, scales: scales() })).work;
}

async function open({ engine, ...options }: Load): Promise<{ work: Work; close(): Promise<void> }> {
  if (engine === 'scorer') {
    const { score, close } = await loadScorer(options);
    return { work: async (texts) => (await score(texts)).map(({ logits }) => logits), close };
  }
  const { rewrite, close } = await loadDetoxifier(options);
  return { work: async (texts) => (await rewrite(texts)).map(({ tokens }) => tokens), close };
}

function versions(): Record<string, string> {
  const file = new URL('../../node_modules/onnxruntime-node/package.json', import.meta.url);
  return { node: process.versions.node, 'onnxruntime-node': JSON.parse(readFileSync(file, 'utf8')).version };
}

let work: Work | null = null;
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  if (request.load) work = await load(request.load);
  const answer = request.load ? { versions: versions() } : { outputs: await work?.(request.run.texts) };
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpuStart);
  const peakMb = process.resourceUsage().maxRSS / 1000;
  console.log(JSON.stringify({ ...answer, seconds, cpuSeconds: (user + system) / 1e6, peakMb }));
}
