import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runCli } from '../support/cli.ts';

/* `detoxq models score` as a user calls it, against transformers. */

const tinyRoberta = join(import.meta.dirname, '../fixtures/checkpoints/tiny-roberta');
const home = mkdtempSync(join(tmpdir(), 'detoxq-score-'));
afterAll(() => rmSync(home, { recursive: true }));

interface Reference {
  readonly text: string;
  readonly input_tokens: number[];
  readonly logits: number[];
  readonly probabilities: number[];
}

/** Tokens that the model takes. */
const LONGEST_INPUT = 64;

const references: Reference[] = readFileSync(join(tinyRoberta, 'reference.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

test('--json has tokens, labels, and the logits and probabilities of transformers for every text', async () => {
  const texts = references.map(({ text }) => text);
  const result = await runCli(['models', 'score', tinyRoberta, '--json', ...texts], { DETOXQ_HOME: home });
  expect(result.stderr).toBe('');
  const lines = result.stdout.trim().split('\n');
  expect(lines).toHaveLength(references.length);
  for (const [i, line] of lines.entries()) {
    const scored = JSON.parse(line);
    const { text, input_tokens, logits, probabilities } = references[i]!;
    if (input_tokens.length === LONGEST_INPUT) {
      // transformers cuts the text off there; here its worst piece counts.
      expect(scored.text).toBe(text);
      expect(scored.probabilities[1]).toBeGreaterThan(probabilities[1]! - 1e-4);
      continue;
    }
    expect(scored).toMatchObject({ text, input_tokens, labels: ['neutral', 'toxic'] });
    for (const label of [0, 1]) {
      expect(Math.abs(scored.logits[label] - logits[label]!)).toBeLessThan(1e-4);
      expect(scored.probabilities[label]).toBeCloseTo(probabilities[label]!, 4);
    }
  }
});

test('a line a text for people, and a checkpoint that does not classify is refused', async () => {
  const shown = await runCli(['models', 'score', tinyRoberta, 'hello'], { DETOXQ_HOME: home });
  expect(shown.stdout).toMatch(/^0\.\d{4} neutral {2}0\.\d{4} toxic {2}hello\n$/);
  const refused = await runCli(['models', 'score', 'nano-bart', 'hello'], { DETOXQ_HOME: home });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('BartForConditionalGeneration');
});

test('a language model gives the log-probability of a text and its perplexity, which a shuffled text raises', async () => {
  const texts = ['thank you for the quick answer .', 'quick the for answer you . thank', ''];
  const result = await runCli(['models', 'score', 'nano-gpt2', '--json', ...texts], { DETOXQ_HOME: home });
  expect(result.stderr).toBe('');
  const [plain, shuffled, empty] = result.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(plain.perplexity).toBeCloseTo(Math.exp(-plain.logprob / plain.input_tokens.length), 6);
  expect(plain.perplexity).toBeLessThan(shuffled.perplexity);
  expect(empty).toEqual({ text: '', input_tokens: [], logprob: 0, perplexity: null });
  const shown = await runCli(['models', 'score', 'nano-gpt2', 'hello'], { DETOXQ_HOME: home });
  expect(shown.stdout).toMatch(/^perplexity [\d.]+ {2}hello\n$/);
});
