import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { CLASSIFIERS, GENERATORS } from '../../src/engine/architectures/registry.ts';
import { readFields } from '../../src/engine/checkpoint/fields.ts';
import { identifyCheckpoint } from '../../src/engine/checkpoint/identity.ts';
import { COMPILER_VERSION } from '../../src/engine/compile/cache.ts';
import { compileCheckpoint, type Models } from '../../src/engine/compile/compile.ts';
import { greedyDecoder } from '../../src/engine/compile/greedy-loop.ts';
import type { Source } from '../../src/engine/compile/layers.ts';
import { searchStep } from '../../src/engine/compile/search-step.ts';

/*
 * Compiled graphs of an older compiler must not be used by a newer one. Whoever changes what the compiler writes raises
 * COMPILER_VERSION and puts the new line here.
 */
const WRITTEN =
  'version 7: 66614dcd 02e798cb 0eeced91 c88eadfe 66e6e430 c921e5d2 68e666ef 96946699 755928c9 33b8a1c1 4fa3a60f 951998e1 12ce27d7 3e4abb6f dbeefea4 f233ebfe 532cf8cb aea1b20c 0914a5c1 0fbe134d';

const cacheFolder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
afterAll(() => rmSync(cacheFolder, { recursive: true }));

async function hashOf(name: string, precision: 'fp32' | 'int8', build: (source: Source) => Models): Promise<string> {
  const folder = join(import.meta.dirname, '../fixtures/checkpoints', name);
  const identity = await identifyCheckpoint({ folder, name, precision, cacheFolder });
  const request = { folder, cacheFolder, identity, weightLimit: 127, options: null };
  const manifest = readFileSync(join(await compileCheckpoint(request, build), 'manifest.json'));
  return createHash('sha256').update(manifest).digest('hex').slice(0, 8);
}

test('the compiler writes what its version says', async () => {
  const config = (name: string) =>
    readFields(join(import.meta.dirname, '../fixtures/checkpoints', name, 'config.json'));
  const hashes: string[] = [];
  for (const precision of ['fp32', 'int8'] as const) {
    for (const name of [
      'tiny-bart',
      'tiny-bart-scaled',
      'tiny-bart-untied',
      'tiny-mbart',
      'tiny-t5',
      'tiny-t5-gated',
      'tiny-gpt2',
      'tiny-gpt2-untied',
    ]) {
      const fields = config(name);
      const generator = GENERATORS[String(fields.raw('architectures'))]!(fields);
      const build = (source: Source) => {
        const plan = generator.decoder(source);
        return {
          'encoder.onnx': generator.encoder(source),
          'step.onnx': searchStep(source, plan),
          'decoder.onnx': greedyDecoder(source, plan, { endTokens: [2], padToken: 1 }),
        };
      };
      hashes.push(await hashOf(name, precision, build));
    }
    for (const name of ['tiny-roberta', 'tiny-bert']) {
      const fields = config(name);
      const classifier = CLASSIFIERS[String(fields.raw('architectures'))]!(fields);
      hashes.push(await hashOf(name, precision, (source) => ({ 'classifier.onnx': classifier.graph(source) })));
    }
  }
  expect(`version ${COMPILER_VERSION}: ${hashes.join(' ')}`).toBe(WRITTEN);
});
