import { join } from 'node:path';
import { CheckpointError, UsageError } from '../../contract/errors.ts';
import { promptFor } from '../catalog/aliases.ts';
import { type Fields, readFields } from '../checkpoint/config/fields.ts';
import type { Tokenizer } from '../checkpoint/tokenizer/tokenizer.ts';

/** The template that adds nothing. */
export const TEXT_ALONE = '{text}';

/** How a text is given to a model. */
export interface Prompt {
  /** Token ids of the text in its template. If the text is too long, its end is cut off, never a part of the template. */
  encode(text: string, maxTokens: number): number[];
  /** Number of tokens before truncation, including the template. */
  count(text: string): number;
}

/**
 * Finds the template of a checkpoint: the caller's, or `task_specific_params.detoxification.prompt` of `config.json`, or the
 * one known for the alias, or `{text}` alone.
 */
export function findTemplate(asked: string | undefined, config: Fields, name: string): string {
  if (asked !== undefined) {
    if (!isTemplate(asked))
      throw new UsageError(`the prompt ${JSON.stringify(asked)} must have ${TEXT_ALONE} in it once`);
    return asked;
  }
  const own = field(field(config.raw('task_specific_params'), 'detoxification'), 'prompt');
  if (own === undefined) return promptFor(name) ?? TEXT_ALONE;
  if (typeof own === 'string' && isTemplate(own)) return own;
  throw config.error(`task_specific_params.detoxification.prompt must be a string with ${TEXT_ALONE} in it once`);
}

/** The template of the checkpoint in a folder; see `findTemplate`. */
export function readTemplate(folder: string, asked: string | undefined, name: string): string {
  return findTemplate(asked, readFields(join(folder, 'config.json')), name);
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

function isTemplate(value: string): boolean {
  return value.split(TEXT_ALONE).length === 2;
}

/** @param emptyPrompt first token of a decoder-only model if a prompt has no tokens; null for a model with an encoder */
export function createPrompt(template: string, tokenizer: Tokenizer, emptyPrompt: number | null): Prompt {
  const [before = '', after = ''] = template.split(TEXT_ALONE);
  const fill = (text: string) => before + text + after;

  function encode(text: string, maxTokens: number): number[] {
    const whole = tokenizer.encode(fill(text), Number.POSITIVE_INFINITY);
    if (whole.length <= maxTokens) return whole;
    if (after === '') return tokenizer.encode(fill(text), maxTokens);
    const characters = Array.from(text);
    const fits = (count: number) => tokenizer.count(fill(characters.slice(0, count).join(''))) <= maxTokens;
    let [most, tooMany] = [0, characters.length];
    while (tooMany - most > 1) {
      const middle = (most + tooMany) >> 1;
      if (fits(middle)) most = middle;
      else tooMany = middle;
    }
    if (most === 0 && !fits(0)) {
      throw new CheckpointError(`the prompt alone has more than the ${maxTokens} tokens that the model can take`);
    }
    return tokenizer.encode(fill(characters.slice(0, most).join('')), maxTokens);
  }

  return {
    encode(text, maxTokens) {
      const tokens = encode(text, maxTokens);
      return tokens.length === 0 && emptyPrompt !== null ? [emptyPrompt] : tokens;
    },
    count: (text) => tokenizer.count(fill(text)),
  };
}
