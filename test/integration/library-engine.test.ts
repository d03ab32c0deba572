import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  CheckpointError,
  type CleanedText,
  createPolicy,
  DetoxqError,
  loadDetoxifier,
  loadScorer,
  UsageError,
} from '../../src/engine.ts';
import { openDetoxq, type RowResult } from '../../src/index.ts';
import { linkCompiledModels } from '../support/compiled-models.ts';
import { createTestDatabase } from '../support/database.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'detoxq-engine-door-'));
  linkCompiledModels(home);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const TEXTS = [
  'Thank you, that helped.',
  'Only an idiot would write a stupid thing like that.',
  '',
  'Read https://example.org/a?b=1 first. Then fix your stupid, crappy code!',
  'caf\u00e9 \u{1f600} is fine',
];

function modelProcesses(parent: number): number[] {
  return execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(parent)])
    .toString()
    .split('\n')
    .filter((line) => line.includes('model-process'))
    .map((line) => Number.parseInt(line, 10));
}

test('the scores, rewrites and outcomes are those that a run stores', async () => {
  const fixture = await createTestDatabase({ schema: false });
  await using detoxq = await openDetoxq({ databaseUrl: fixture.url, redisUrl: null, home, migrate: true });
  const run = await detoxq.clean(TEXTS.map((text) => ({ text })));
  const stored: RowResult[] = [];
  for await (const result of run.results()) stored.push(result);
  await using scorer = await loadScorer('nano-roberta', { home, processes: 1 });
  await using policy = await createPolicy({ home, processes: 1 });
  const scores = await scorer.score(TEXTS);
  // Postgres keeps the probability as a real.
  expect(scores.map(({ toxicity }) => toxicity && Math.fround(toxicity))).toEqual(
    stored.map(({ toxicityBefore }) => toxicityBefore && Math.fround(toxicityBefore)),
  );
  const outcomes = await policy.clean(TEXTS);
  expect(outcomes.map(({ text, outcome, detoxified }) => ({ text, outcome, detoxified }))).toEqual(
    stored.map(({ text, outcome, detoxified }) => ({ text, outcome, detoxified })),
  );
  expect(outcomes.map(({ outcome }) => outcome)).toContain('detoxified');
  await detoxq.close();
  await fixture.drop();
});

test('a detoxifier writes what the command for one model writes', async () => {
  const text = 'who the hell wrote this stupid thing ?';
  await using detoxifier = await loadDetoxifier('nano-bart', { home, processes: 1, generation: { num_beams: 3 } });
  const [rewrite] = await detoxifier.rewrite([text]);
  const args = ['src/cli/main.ts', 'models', 'generate', 'nano-bart', '--num-beams', '3', '--json', text];
  const printed = JSON.parse(
    execFileSync(process.execPath, args, { env: { ...process.env, DETOXQ_HOME: home } }).toString(),
  );
  expect(rewrite?.tokens).toEqual(printed.tokens);
  expect(rewrite?.text.length).toBeGreaterThan(5);
});

test('many texts in calls that overlap come back in order, from several processes', async () => {
  await using scorer = await loadScorer('nano-roberta', { home, processes: 2 });
  const many = Array.from(
    { length: 300 },
    (_, at) => `Comment number ${at} ${at % 3 === 0 ? 'is stupid crap' : 'is fine'}.`,
  );
  const [whole, parts] = await Promise.all([
    scorer.score(many),
    Promise.all(many.map((text) => scorer.score([text]))).then((scores) => scores.flat()),
  ]);
  expect(whole).toEqual(parts);
  expect(whole.filter(({ toxicity }) => (toxicity ?? 0) > 0.5)).toHaveLength(100);
  expect(await scorer.score([])).toEqual([]);
});

test('the event loop of the caller stays free while a model works', async () => {
  await using scorer = await loadScorer('nano-roberta', { home, processes: 1 });
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
  }, 1);
  await scorer.score(
    Array.from({ length: 2_000 }, (_, at) => `${at}: what a long and boring comment, number ${at * 7}.`),
  );
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(20);
});

test('a process that dies is replaced, and its texts are scored all the same', async () => {
  const said: object[] = [];
  const log = { debug() {}, info() {}, warn: (fields: object) => void said.push(fields), error() {} };
  await using scorer = await loadScorer('nano-roberta', { home, processes: 1, log });
  const [first = 0] = modelProcesses(process.pid);
  const scored = scorer.score(Array.from({ length: 500 }, (_, at) => `Text ${at} is stupid.`));
  process.kill(first, 'SIGKILL');
  expect(await scored).toHaveLength(500);
  expect(modelProcesses(process.pid)).not.toContain(first);
  expect(said).toEqual([{ pid: first, reason: 'signal SIGKILL', texts: 64 }]);
});

test('a program that is killed leaves no engine process', async () => {
  const code = `import { loadScorer } from ${JSON.stringify(import.meta.resolve('../../src/engine.ts'))};
    await loadScorer('nano-roberta', { home: ${JSON.stringify(home)}, processes: 2 });
    console.log('ready');`;
  const program = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await once(program.stdout, 'data');
  expect(modelProcesses(program.pid ?? 0)).toHaveLength(2);
  program.kill('SIGKILL');
  // Engine processes hold the program's standard error: it closes with the last of them.
  await once(program, 'close');
});

test('a policy takes calls that overlap, and none after its end', async () => {
  await using policy = await createPolicy({ home, processes: 1 });
  const [alone, together] = await Promise.all([
    Promise.all(TEXTS.map((text) => policy.clean([text]))).then((results) => results.flat()),
    policy.clean(TEXTS),
  ]);
  const told = ({ text, outcome, detoxified }: CleanedText) => ({ text, outcome, detoxified });
  expect(alone.map(told)).toEqual(together.map(told));
  expect(await policy.clean([])).toEqual([]);
  await expect(policy.clean(['a', 7 as unknown as string])).rejects.toThrow(new TypeError('text 1 is not a string'));
  await policy.close();
  await expect(policy.clean(['after'])).rejects.toThrow('closed');
});

test('what cannot be is refused in words', async () => {
  await expect(loadScorer('no-such-model', { home })).rejects.toThrow(UsageError);
  await expect(loadScorer('nano-bart', { home })).rejects.toThrow(CheckpointError);
  await expect(loadScorer('nano-roberta', { home, toxicLabel: 'nice' })).rejects.toThrow(UsageError);
  await expect(loadScorer('nano-roberta', { home, processes: 0 })).rejects.toThrow('processes must be a whole number');
  await expect(loadDetoxifier('nano-roberta', { home })).rejects.toThrow(DetoxqError);
  await expect(loadDetoxifier('nano-bart', { home, generation: { temperature: 2 } })).rejects.toThrow(UsageError);
  await expect(createPolicy({ home, threshold: 2 })).rejects.toThrow('threshold must be a number from 0 to 1');
  const scorer = await loadScorer('nano-roberta', { home, processes: 1 });
  await expect(scorer.score(['a', 7 as unknown as string])).rejects.toThrow(new TypeError('text 1 is not a string'));
  const late = expect(scorer.score(['one more'])).rejects.toThrow('the model is closed');
  await scorer.close();
  await late;
  await expect(scorer.score(['after'])).rejects.toThrow('the model is closed');
});
