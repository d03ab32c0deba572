import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Sizes, TunedSize } from '../../src/contract/machine.ts';
import {
  type CheckpointReference,
  identifyCheckpoint,
  loadClassifier,
  loadDetoxifier,
  loadEncoder,
  sizesOfCheckpoint,
  tuneCheckpoint,
} from '../../src/engine/index.ts';
import { readTuning, writeTuning } from '../../src/engine/machine/tuning.ts';
import { ranGraph } from '../../src/engine/runtime/session.ts';
import { runCli } from '../support/cli.ts';

/* Sizes that a calibration of this machine has chosen are used, and decide no result. */

/** A calibration takes what it takes: on a machine with much else to do, minutes. */
const CALIBRATION_MS = 300_000;

const FIXTURES = join(import.meta.dirname, '../fixtures/checkpoints');
const scratch = mkdtempSync(join(tmpdir(), 'detoxq-tuning-'));
afterAll(() => rmSync(scratch, { recursive: true }));
let serial = 0;

const TEXTS = [
  'who the hell wrote this ?',
  '',
  'the soup is cold , and nobody came',
  'zoë zoë zoë zoë zoë zoë zoë zoë zoë zoë zoë zoë zoë zoë zoë zoë zoë',
  'late trains',
  'kevin kevin !',
  'you you you you you you you you you you',
  'the the the the 40',
];
const ODD: Sizes = { maxBatchTokens: 7, maxRows: 3, stepsPerCall: 5, keepGoingAbove: 0.34, maxHypotheses: 5 };

function reference(name: string, cacheFolder = join(scratch, `cache-${serial++}`)): CheckpointReference {
  return { folder: join(FIXTURES, name), name, precision: 'int8', cacheFolder };
}

function measured(sizes: Partial<Sizes>): TunedSize[] {
  const rest = { default: 1, defaultRate: 1, chosenRate: 1, unit: 'rows', tried: [] } as const;
  return Object.entries(sizes).map(([size, chosen]) => ({ size: size as keyof Sizes, chosen, ...rest }));
}

const tunedFile = (cacheFolder: string) => {
  const [name] = readdirSync(join(cacheFolder, 'tuning'));
  return join(cacheFolder, 'tuning', name!);
};

/** Bits and all. */
const exact = (value: unknown): string =>
  JSON.stringify(value, (_, each) => (each instanceof Float32Array ? Buffer.from(each.buffer).toString('hex') : each));

async function graphCallsOf<T>(work: () => Promise<T>): Promise<{ result: T; calls: number }> {
  let calls = 0;
  const count = () => {
    calls += 1;
  };
  ranGraph.subscribe(count);
  const result = await work();
  ranGraph.unsubscribe(count);
  return { result, calls };
}

describe('odd sizes', () => {
  test.each([
    ['tiny-bart', {}],
    ['tiny-bart-forced', {}],
    ['tiny-t5', {}],
    ['tiny-gpt2', {}],
    ['tiny-bart', { num_beams: 3 }],
  ])('change no rewrite of %s with %o', async (name, options) => {
    const model = reference(name);
    const rewrite = async () => {
      const detoxifier = await loadDetoxifier({ ...model, generation: { max_new_tokens: 30, ...options } });
      const result = await detoxifier.rewrite(TEXTS);
      await detoxifier.close();
      return result;
    };
    const before = await graphCallsOf(rewrite);
    await writeTuning(model.cacheFolder, await identifyCheckpoint(model), measured(ODD));
    const after = await graphCallsOf(rewrite);
    expect(exact(after.result)).toBe(exact(before.result));
    expect(after.calls).toBeGreaterThan(before.calls);
  });

  test.each([
    [
      'tiny-roberta',
      async (model: CheckpointReference) => {
        const classifier = await loadClassifier(model);
        const result = await classifier.classify(TEXTS);
        await classifier.close();
        return result;
      },
    ],
    [
      'tiny-encoder',
      async (model: CheckpointReference) => {
        const encoder = await loadEncoder(model);
        const result = await encoder.embed(TEXTS);
        await encoder.close();
        return result;
      },
    ],
  ])('change no number of %s', async (name, work) => {
    const model = reference(name);
    const before = await graphCallsOf(() => work(model) as Promise<unknown>);
    await writeTuning(model.cacheFolder, await identifyCheckpoint(model), measured({ maxBatchTokens: 7 }));
    const after = await graphCallsOf(() => work(model) as Promise<unknown>);
    expect(exact(after.result)).toBe(exact(before.result));
    expect(after.calls).toBeGreaterThan(before.calls);
  });
});

describe('what is kept', () => {
  test('is of this checkpoint and precision', async () => {
    const model = reference('tiny-bart');
    const identity = await identifyCheckpoint(model);
    expect(await readTuning(model.cacheFolder, identity)).toEqual({});
    await writeTuning(model.cacheFolder, identity, measured(ODD));
    expect(await readTuning(model.cacheFolder, identity)).toEqual(ODD);
    expect(await readTuning(model.cacheFolder, { ...identity, precision: 'fp32' })).toEqual({});
    expect(await readTuning(model.cacheFolder, { ...identity, digest: '0'.repeat(64) })).toEqual({});
  });

  test('is of a kind of machine: the entries of others are left alone', async () => {
    const model = reference('tiny-bart');
    const identity = await identifyCheckpoint(model);
    await writeTuning(model.cacheFolder, identity, measured(ODD));
    const file = tunedFile(model.cacheFolder);
    const { entries } = JSON.parse(readFileSync(file, 'utf8'));
    entries[0].machine.processor = 'another one';
    writeFileSync(file, JSON.stringify({ entries }));
    expect(await readTuning(model.cacheFolder, identity)).toEqual({});
    await writeTuning(model.cacheFolder, identity, measured({ maxRows: 9 }));
    await writeTuning(model.cacheFolder, identity, measured({ maxRows: 10 }));
    expect(await readTuning(model.cacheFolder, identity)).toEqual({ maxRows: 10 });
    const kept = JSON.parse(readFileSync(file, 'utf8')).entries;
    expect(kept.map((entry: { sizes: unknown }) => entry.sizes)).toEqual([ODD, { maxRows: 10 }]);
  });

  test('is read under the name that the tokens of a batch had in detoxq 0.1', async () => {
    const model = reference('tiny-bart');
    const identity = await identifyCheckpoint(model);
    await writeTuning(model.cacheFolder, identity, measured(ODD));
    const file = tunedFile(model.cacheFolder);
    const written = readFileSync(file, 'utf8');
    expect(written).toContain('"maxBatchTokens": 7');
    writeFileSync(file, written.replaceAll('maxBatchTokens', 'maxRunTokens'));
    expect(await readTuning(model.cacheFolder, identity)).toEqual(ODD);
  });

  test.each([
    ['no JSON', 'nonsense'],
    ['of no known form', '{"entries":[{}]}'],
    ['out of bounds', null],
  ])('is ignored where it is %s', async (_, content) => {
    const model = reference('tiny-bart');
    const identity = await identifyCheckpoint(model);
    await writeTuning(model.cacheFolder, identity, measured({ ...ODD, maxRows: 0 }));
    if (content !== null) writeFileSync(tunedFile(model.cacheFolder), content);
    expect(await readTuning(model.cacheFolder, identity)).toEqual({});
  });
});

test('a calibration measures each size of a detoxifier in turn, and its choice is in force', {
  timeout: CALIBRATION_MS,
}, async () => {
  const model = reference('tiny-bart');
  const told: string[] = [];
  const { measured: found, identity } = await tuneCheckpoint({
    ...model,
    budgetMs: 0,
    onProgress: (size, number, of) => told.push(`${number}/${of} ${size}`),
  });
  expect(told).toEqual(['1/4 maxBatchTokens', '2/4 maxRows', '3/4 stepsPerCall', '4/4 keepGoingAbove']);
  const sizes = Object.fromEntries(found.map(({ size, chosen }) => [size, chosen]));
  expect(await readTuning(model.cacheFolder, identity)).toEqual(sizes);
  const tuned = Object.keys(sizes);
  expect(await sizesOfCheckpoint(model)).toEqual({ sizes: { ...sizes, maxHypotheses: 128 }, tuned });
  for (const { defaultRate, chosenRate, tried } of found) {
    expect(defaultRate).toBeGreaterThan(0);
    expect(chosenRate).toBeGreaterThanOrEqual(defaultRate);
    expect(tried.length).toBeGreaterThan(1);
  }
});

test('of a checkpoint that wants beams, it measures those', { timeout: CALIBRATION_MS }, async () => {
  const folder = join(scratch, 'with-beams');
  cpSync(join(FIXTURES, 'tiny-bart'), folder, { recursive: true });
  const options = join(folder, 'generation_config.json');
  writeFileSync(options, JSON.stringify({ ...JSON.parse(readFileSync(options, 'utf8')), num_beams: 4 }));
  const told: string[] = [];
  await tuneCheckpoint({ ...reference('tiny-bart'), folder, budgetMs: 0, onProgress: (size) => told.push(size) });
  expect(told).toEqual(['maxBatchTokens', 'maxHypotheses']);
});

test('the commands print what is in force, and what the machine is', { timeout: CALIBRATION_MS }, async () => {
  const home = join(scratch, 'home');
  mkdirSync(home);
  const roberta = join(FIXTURES, 'tiny-roberta');
  const run = (...args: string[]) => runCli(['models', ...args], { DETOXQ_HOME: home });

  const before = JSON.parse((await run('inspect', '--device', '--json', roberta)).stdout);
  expect(before).toMatchObject({
    runtime: { version: expect.stringMatching(/^\d+\./), providers: expect.arrayContaining(['cpu']) },
    int8: { weightLimit: expect.any(Number) },
    model: { precision: 'int8', tuned: [] },
  });
  for (const { int8, fp32 } of before.rates) expect(Math.min(int8, fp32)).toBeGreaterThan(0);

  const tuned = JSON.parse((await run('compile', '--tune', '--json', roberta)).stdout);
  const [size] = tuned.tuned.sizes;
  expect(size).toMatchObject({ size: 'maxBatchTokens', default: before.model.sizes.maxBatchTokens });
  const after = await run('inspect', '--device', roberta);
  expect(after.stdout).toMatch(new RegExp(`tokens in a batch of the encoder +${size.chosen} +tuned`));
  expect((await run('inspect')).code).toBe(2);
  expect((await run('compile', '--tune', '--precision', 'fp16', roberta)).code).toBe(2);
});
