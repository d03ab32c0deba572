import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cliEnvironment, ROOT, runCli } from '../support/cli.ts';

/* `detoxq models generate` as a user calls it, on a tiny checkpoint, against transformers. */

const FIXTURES = join(import.meta.dirname, '../fixtures');
const tinyBart = join(FIXTURES, 'checkpoints/tiny-bart');
const home = mkdtempSync(join(tmpdir(), 'detoxq-generate-'));
afterAll(() => rmSync(home, { recursive: true }));

const [head, ...cases] = readFileSync(join(FIXTURES, 'generation/tiny-bart.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const texts: string[] = head.texts;

function expectedOf(options: object): { tokens: number[]; score: number; logprob: number }[][] {
  return cases.find((each) => JSON.stringify(each.options) === JSON.stringify(options)).rows;
}

async function generate(...args: string[]) {
  const result = await runCli(['models', 'generate', ...args], { DETOXQ_HOME: home });
  expect(result.stderr).toMatch(args.includes('--bad-words') ? /^The lexicon \S+ bans 1 word\.\n$/ : /^$/);
  expect(result.code).toBe(0);
  return result.stdout;
}

const parse = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test('--json has the tokens of transformers for every text, best first', async () => {
  const options = { num_beams: 4, num_return_sequences: 4 };
  const flags = ['--num-beams', '4', '--num-return-sequences', '4', '--json'];
  const outputs = parse(await generate(tinyBart, ...flags, ...texts));
  const expected = expectedOf(options);
  expect(outputs.map(({ text }) => text)).toEqual(texts);
  expect(outputs.map(({ candidates }) => candidates.map(({ tokens }: { tokens: number[] }) => tokens))).toEqual(
    expected.map((row) => row.map(({ tokens }) => tokens)),
  );
  for (const [i, { tokens, logprob, score, input_tokens: inputs, output }] of outputs.entries()) {
    expect(tokens).toEqual(expected[i]![0]!.tokens);
    expect(logprob).toBeCloseTo(expected[i]![0]!.logprob, 3);
    expect(score).toBeCloseTo(expected[i]![0]!.score, 3);
    expect(inputs.at(-1)).toBe(2);
    expect(typeof output).toBe('string');
  }
});

test('without texts it takes the lines of standard input, and prints an output a line', async () => {
  const child = spawn(process.execPath, ['src/cli/main.ts', 'models', 'generate', tinyBart], {
    ...{ cwd: ROOT, env: cliEnvironment({ DETOXQ_HOME: home }) },
  });
  child.stdin.end(`${texts.slice(0, 3).join('\n')}\n`);
  const stdout = await new Response(child.stdout).text();
  expect(stdout.split('\n')).toHaveLength(4);
  const asJson = parse(await generate(tinyBart, '--json', ...texts.slice(0, 3)));
  expect(asJson.map(({ tokens }) => tokens)).toEqual(
    expectedOf({})
      .slice(0, 3)
      .map((row) => row[0]!.tokens),
  );
  expect(asJson[0]).not.toHaveProperty('candidates');
  // Control characters, which random weights write, are not printed raw.
  expect(stdout.split('\n')[2]).toBe(asJson[2].output);
});

test('words of a lexicon are not written', async () => {
  const [{ output }] = parse(await generate('nano-bart', '--json', 'who the hell wrote this crap ?'));
  const word = output.trim().split(' ')[1];
  const lexicon = join(home, 'lexicon.txt');
  writeFileSync(lexicon, `${word}\n`);
  const [without] = parse(
    await generate('nano-bart', '--json', '--bad-words', lexicon, 'who the hell wrote this crap ?'),
  );
  expect(without.output.split(' ')).not.toContain(word);
});

test.each([
  [['--temperature', '0.5'], 2, 'temperature has no effect without do_sample'],
  [['--bad-words', 'no-such-file'], 2, 'The lexicon no-such-file cannot be read'],
])('what does not fit is said: %j', async (flags, code, message) => {
  const result = await runCli(['models', 'generate', tinyBart, 'hello', ...flags], { DETOXQ_HOME: home });
  expect(result.code).toBe(code);
  expect(result.stderr).toContain(message);
  expect(result.stdout).toBe('');
});
