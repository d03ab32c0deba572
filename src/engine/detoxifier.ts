import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Detoxifier, Rewrite } from '../contract/models.ts';
import type { GenerationOverrides } from './checkpoint/generation.ts';
import type { CheckpointReference } from './checkpoint/identity.ts';
import { loadGenerator } from './generator.ts';
import { createTurns } from './turns.ts';

export interface DetoxifierOptions extends CheckpointReference {
  /** Longest rewrite in tokens, end token included (default: the checkpoint's own limit). */
  readonly maxNewTokens?: number;
  /**
   * Generation options under their Hugging Face names, which win over the checkpoint's. Only greedy search is
   * implemented: a checkpoint whose own options say otherwise is refused unless they are overridden here, for example
   * with `{ num_beams: 1, no_repeat_ngram_size: 0 }`.
   */
  readonly generation?: GenerationOverrides;
  /** Padded tokens in one run of the encoder (default: by the size of the model). Speed and memory only. */
  readonly maxPaddedTokens?: number;
  /** Rows decoded together (default 128). Speed and memory only. */
  readonly maxRows?: number;
}

export interface LoadedDetoxifier extends Detoxifier {
  /** Frees the sessions. Rewrites under way come to their end first. */
  close(): Promise<void>;
}

/**
 * Loads a checkpoint of any class that generates: compiles it if the cache has no graphs of it, and opens its sessions.
 * Texts longer than `maxInputTokens` lose their end, as in transformers.
 */
export async function loadDetoxifier(options: DetoxifierOptions): Promise<LoadedDetoxifier> {
  const limit = options.maxNewTokens === undefined ? {} : { max_new_tokens: options.maxNewTokens };
  const generator = await loadGenerator({ ...options, generation: { ...options.generation, ...limit } });
  const { identity, tokenizer, maxInputTokens } = generator;
  const search = await generator.openGreedySearch();
  const takeTurns = createTurns();

  async function rewrite(texts: readonly string[]): Promise<Rewrite[]> {
    const rows = texts.map((text, index) => ({ index, tokens: tokenizer.encode(text, maxInputTokens) }));
    const generated = await search(rows);
    return generated.map(({ tokens, finished }, i) => ({
      text: tokenizer.decode(tokens),
      inputTokens: rows[i]?.tokens.length ?? 0,
      tokens,
      finished,
    }));
  }

  return {
    identity,
    maxInputTokens,
    knownWords: readKnownWords(join(options.folder, 'known_words.txt')),
    countTokens: tokenizer.count,
    rewrite: (texts) => takeTurns(() => rewrite(texts)),
    close: () => takeTurns(() => generator.close()),
  };
}

function readKnownWords(file: string): ReadonlySet<string> | null {
  if (!existsSync(file)) return null;
  return new Set(
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
  );
}
