import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bartGenerator } from '../../src/engine/architectures/bart/graph.ts';
import { encoderModel } from '../../src/engine/architectures/generator.ts';
import { readFields } from '../../src/engine/checkpoint/config/fields.ts';
import type { GreedyGeneration } from '../../src/engine/checkpoint/config/generation.ts';
import { identifyCheckpoint } from '../../src/engine/checkpoint/identity.ts';
import { compileCheckpoint } from '../../src/engine/compile/compile.ts';
import { greedyDecoder } from '../../src/engine/compile/greedy-loop.ts';
import { createGreedySearch } from '../../src/engine/runtime/greedy.ts';
import { openSession, type Session, type Value } from '../../src/engine/runtime/session.ts';
import { TINY, tinyReferences } from '../support/tiny-checkpoints.ts';

/* How rows come and go while they are decoded, seen from the inputs of the real graphs. */

const name = 'tiny-bart';
const folder = join(TINY, name);
const cacheFolder = mkdtempSync(join(tmpdir(), 'detoxq-engine-'));
const config = bartGenerator(readFields(join(folder, 'config.json')));
const GENERATION: GreedyGeneration = {
  startToken: 2,
  padToken: 1,
  endTokens: [2],
  firstToken: null,
  lastTokens: [],
  maxNewTokens: 39,
};
const references = tinyReferences(name);
const rows = references.map((row, index) => ({ index, tokens: row.input_tokens }));

type Inputs = Readonly<Record<string, Value>>;
let encoder: Session;
let decoder: Session;
const encoded: Inputs[] = [];
const decoded: Inputs[] = [];

function recorded(session: Session, calls: Inputs[]): Session {
  return {
    run(inputs) {
      calls.push(inputs);
      return session.run(inputs);
    },
    close: () => session.close(),
  };
}

beforeAll(async () => {
  const identity = await identifyCheckpoint({ folder, name, precision: 'fp32', cacheFolder });
  const request = { folder, cacheFolder, identity, portable: false, weightLimit: 127, options: null };
  const compiled = await compileCheckpoint(request, (source) => ({
    'encoder.onnx': encoderModel(source, config),
    'decoder.onnx': greedyDecoder(source, config.decoder(source), { endTokens: [2], padToken: 1 }),
  }));
  encoder = recorded(await openSession(join(compiled, 'encoder.onnx')), encoded);
  decoder = recorded(await openSession(join(compiled, 'decoder.onnx')), decoded);
});
afterAll(async () => {
  await encoder.close();
  await decoder.close();
  rmSync(cacheFolder, { recursive: true });
});

function search(changes: { generation?: Partial<GreedyGeneration>; maxRows?: number } = {}) {
  encoded.length = 0;
  decoded.length = 0;
  return createGreedySearch({
    encoder,
    decoder,
    shape: { layers: 2, heads: 2, headSize: 16 },
    generation: { ...GENERATION, ...changes.generation },
    maxBatchTokens: 256,
    maxRows: changes.maxRows ?? 128,
  });
}

const rowsOf = (inputs: Inputs) => inputs.tokens!.dims[0]!;

test('a row that has ended is in no later call, and a call makes at most eight steps', async () => {
  const results = await search()(rows);
  expect(results.map((row) => row.tokens)).toEqual(references.map((row) => row.tokens));
  let steps = 0;
  for (const call of decoded) {
    const alive = references.filter((row) => row.tokens.length > steps).length;
    expect(rowsOf(call)).toBe(alive);
    expect(call.forced!.dims[0]).toBeLessThanOrEqual(8);
    steps = (decoded[decoded.indexOf(call) + 1]?.key_0?.dims[2] ?? 0) as number;
  }
  // Few steps are done for rows that have ended already.
  const useful = references.reduce((sum, row) => sum + row.tokens.length, 0);
  const lengths = decoded.map((call) => call.key_0!.dims[2]!);
  const done = decoded.reduce((sum, call, i) => sum + rowsOf(call) * ((lengths[i + 1] ?? 39) - lengths[i]!), 0);
  expect(useful / done).toBeGreaterThan(0.75);
});

test('the source is no wider than the longest row that is left', async () => {
  await search()(rows);
  for (const call of decoded) {
    const mask = call.cross_mask!;
    const width = mask.dims[3]!;
    const lengths = Array.from(
      { length: rowsOf(call) },
      (_, r) =>
        [...(mask.data as Float32Array).subarray(r * width, (r + 1) * width)].filter((value) => value === 0).length,
    );
    expect(width).toBe(Math.ceil(Math.max(...lengths) / 4) * 4);
  }
});

test('rows of one padded length are encoded together, up to the limit of padded tokens', async () => {
  await search()(rows);
  for (const call of encoded) {
    const [count, length] = call.tokens!.dims as [number, number];
    expect(count === 1 || count * length <= 256).toBe(true);
  }
  expect(encoded.reduce((sum, call) => sum + rowsOf(call), 0)).toBe(rows.length);
  expect(encoded.length).toBeLessThan(rows.length);
});

describe('limits of what is decoded together', () => {
  test('by rows', async () => {
    await search({ maxRows: 6 })(rows);
    expect(Math.max(...decoded.map(rowsOf))).toBe(6);
  });

  test('by the length of the source, so that long rows do not fill the memory', async () => {
    const long = Array.from({ length: 200 }, (_, index) => ({ index, tokens: [0, ...new Array(62).fill(305), 2] }));
    const results = await search({ maxRows: 1000, generation: { maxNewTokens: 1 } })(long);
    expect(results).toHaveLength(200);
    expect(Math.max(...decoded.map(rowsOf))).toBe(8192 / 64);
  });
});

test('a row that runs into the limit is not finished, whether or not an end token is forced there', async () => {
  const generation = { maxNewTokens: 10 };
  const plain = await search({ generation })(rows);
  const forced = await search({ generation: { ...generation, lastTokens: [2] } })(rows);
  references.forEach((row, i) => {
    const whole = row.tokens.length <= 9;
    expect(plain[i]).toEqual({ tokens: row.tokens.slice(0, 10), finished: row.tokens.length <= 10 });
    expect(forced[i]).toEqual({ tokens: whole ? row.tokens : [...row.tokens.slice(0, 9), 2], finished: whole });
  });
});

test('no rows, no calls', async () => {
  expect(await search()([])).toEqual([]);
  expect([...encoded, ...decoded]).toEqual([]);
});

test('what earlier rows left in reused buffers does not count, not even if it is not finite', async () => {
  const run = search();
  const short = rows.filter((row) => row.tokens.length < 20);
  const expected = await run(short);
  // The widest batch so far, with keys and values that are all NaN.
  const spoilt: Session = {
    async run(inputs) {
      const outputs = await encoder.run(inputs);
      return { ...outputs, floats: (output) => outputs.floats(output).fill(Number.NaN) };
    },
    close: () => encoder.close(),
  };
  let spoil = true;
  const switching: Session = {
    run: (inputs) => (spoil ? spoilt : encoder).run(inputs),
    close: () => encoder.close(),
  };
  const reused = createGreedySearch({
    encoder: switching,
    decoder,
    shape: { layers: 2, heads: 2, headSize: 16 },
    generation: { ...GENERATION, maxNewTokens: 39 },
    maxBatchTokens: 256,
    maxRows: 128,
  });
  await reused(rows);
  spoil = false;
  expect(await reused(short)).toEqual(expected);
});
