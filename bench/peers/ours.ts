/** This engine as a process that bench/peers/process.ts talks to: the same lines as bench/peers/peer.py. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { loadDetoxifier, loadScorer } from '../../src/engine/load.ts';
import type { Outputs } from './process.ts';

type Work = (texts: readonly string[]) => Promise<Outputs>;

async function load({ engine, ...options }: { engine: string } & Parameters<typeof loadDetoxifier>[0]): Promise<Work> {
  if (engine === 'scorer') {
    const scorer = await loadScorer(options);
    return async (texts) => (await scorer.score(texts)).map((score) => score.logits);
  }
  const detoxifier = await loadDetoxifier(options);
  return async (texts) => (await detoxifier.rewrite(texts)).map((rewrite) => rewrite.tokens);
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
