import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { encoderModel } from '../../src/engine/architectures/generator.ts';
import { classOf } from '../../src/engine/architectures/registry.ts';
import { readFields } from '../../src/engine/checkpoint/config/fields.ts';
import { identifyCheckpoint } from '../../src/engine/checkpoint/identity.ts';
import { COMPILER_VERSION } from '../../src/engine/compile/cache.ts';
import { compileCheckpoint, type Models } from '../../src/engine/compile/compile.ts';
import { greedyDecoder } from '../../src/engine/compile/greedy-loop.ts';
import type { Source } from '../../src/engine/compile/layers.ts';
import { searchStep } from '../../src/engine/compile/search-step.ts';
import { TINY, TINY_CLASSIFIERS, TINY_GRAPHS } from '../support/tiny-checkpoints.ts';

/*
 * Compiled graphs of an older compiler must not be used by a newer one. Whoever changes what the compiler writes raises
 * COMPILER_VERSION and puts the new line here.
 */
const WRITTEN =
  'version 13: 062a1fc2 eabc34f8 a5eea803 5a0d4095 5df10035 5ce8242f e57166bd 11461282 8cdd1f9b b2479a7d 9e4179db 46e4f17c b247468b fc50eabb 1d022ea0 611d5e68 00538b1d 88690683 b1feb82a d77849ec e2e5ce74 4fd50094';

const cacheFolder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
afterAll(() => rmSync(cacheFolder, { recursive: true }));

async function hashOf(name: string, precision: 'fp32' | 'int8', build: (source: Source) => Models): Promise<string> {
  const folder = join(TINY, name);
  const identity = await identifyCheckpoint({ folder, name, precision, cacheFolder });
  const request = { folder, cacheFolder, identity, portable: false, weightLimit: 127, options: null };
  const manifest = readFileSync(join(await compileCheckpoint(request, build), 'manifest.json'));
  return createHash('sha256').update(manifest).digest('hex').slice(0, 8);
}

test('the compiler writes what its version says', async () => {
  const config = (name: string) => readFields(join(TINY, name, 'config.json'));
  const hashes: string[] = [];
  for (const precision of ['fp32', 'int8'] as const) {
    for (const name of TINY_GRAPHS) {
      const fields = config(name);
      const generator = classOf(String(fields.raw('architectures')))!.generator!(fields);
      const build = (source: Source) => {
        const plan = generator.decoder(source);
        return {
          'encoder.onnx': encoderModel(source, generator),
          'step.onnx': searchStep(source, plan),
          'decoder.onnx': greedyDecoder(source, plan, { endTokens: [2], padToken: 1 }),
        };
      };
      hashes.push(await hashOf(name, precision, build));
    }
    for (const name of TINY_CLASSIFIERS) {
      const fields = config(name);
      const classifier = classOf(String(fields.raw('architectures')))!.classifier!(fields);
      hashes.push(await hashOf(name, precision, (source) => ({ 'classifier.onnx': classifier.graph(source) })));
    }
  }
  expect(`version ${COMPILER_VERSION}: ${hashes.join(' ')}`).toBe(WRITTEN);
});
