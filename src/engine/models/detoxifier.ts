import { join } from 'node:path';
import type { GenerationOverrides } from '../../contract/generation.ts';
import type { Detoxifier, Rewrite, RewriteCandidate } from '../../contract/models.ts';
import { isThere, readCheckpointText } from '../checkpoint/checkpoint-file.ts';
import { isPlainGreedy } from '../checkpoint/config/generation.ts';
import type { CheckpointReference } from '../checkpoint/identity.ts';
import type { RunsOn } from '../machine/target.ts';
import type { EncodedRow } from '../runtime/batches.ts';
import type { StaticScales } from '../runtime/static-scales.ts';
import { createSearch } from '../search/search.ts';
import { type LoadedGenerator, loadGenerator } from './generator.ts';
import { createSerialQueue } from './serial-queue.ts';

export interface DetoxifierOptions extends CheckpointReference, RunsOn, StaticScales {
  /**
   * Generation options under their Hugging Face names, which override the checkpoint's, and `seed` (docs/generation.md).
   * Plain greedy search is the fastest by far; it is used if neither asks for another search.
   */
  readonly generation?: GenerationOverrides;
  /**
   * Template with `{text}` around the text: `paraphrase: {text}`. Default: the checkpoint's own
   * (`task_specific_params.detoxification.prompt` in its config.json), or that of its alias, or the text alone.
   */
  readonly prompt?: string;
  /** Returns `logprob` for plain greedy search, too, which makes it as slow as the other searches (default false). */
  readonly logprobs?: boolean;
  /** Tokens of a batch of the encoder (default: by the size of the model). Speed and memory only. */
  readonly maxBatchTokens?: number;
  /** Rows decoded together (default 128). Speed and memory only. */
  readonly maxRows?: number;
}

export interface LoadedDetoxifier extends Detoxifier {
  /** Token ids that the model reads for a text, special tokens included. */
  encode(text: string): readonly number[];
  /** Frees the sessions after running rewrites have ended. */
  close(): Promise<void>;
}

/**
 * Loads a checkpoint of any class that generates. It compiles the checkpoint if the cache has no graphs of it, and opens its
 * sessions. The end of texts longer than `maxInputTokens` is cut off, as in transformers.
 */
export async function loadDetoxifier(options: DetoxifierOptions): Promise<LoadedDetoxifier> {
  const generator = await loadGenerator({ ...options, generation: options.generation ?? {} });
  const { identity, tokenizer, prompt, maxInputTokens } = generator;
  const search = await openSearch(generator, options);
  const serially = createSerialQueue();

  const encode = (text: string): number[] => prompt.encode(text, maxInputTokens);

  async function rewrite(texts: readonly string[]): Promise<Rewrite[]> {
    const rows = texts.map((text, index) => ({ index, tokens: encode(text) }));
    const generated = await search(rows);
    return generated.map((outputs, i) => {
      const candidates = outputs.map((output) => ({ ...output, text: tokenizer.decode(output.tokens) }));
      const [best] = candidates;
      if (best === undefined) throw new RangeError(`the search gave nothing for row ${i} of ${rows.length}`);
      const inputTokens = rows[i]?.tokens.length ?? 0;
      return { ...best, inputTokens, candidates: candidates.length > 1 ? candidates : [] };
    });
  }

  return {
    identity,
    maxInputTokens,
    knownWords: readKnownWords(join(options.folder, 'known_words.txt')),
    countTokens: prompt.count,
    encode,
    rewrite: (texts) => serially(() => rewrite(texts)),
    close: () => serially(() => generator.close()),
  };
}

type Output = Omit<RewriteCandidate, 'text'>;

async function openSearch(
  generator: LoadedGenerator,
  options: DetoxifierOptions,
): Promise<(rows: readonly EncodedRow[]) => Promise<readonly (readonly Output[])[]>> {
  const { generation, vocabulary, maxInputTokens } = generator;
  if (isPlainGreedy(generation, maxInputTokens) && !options.logprobs) {
    const greedy = await generator.openGreedySearch();
    return async (rows) => (await greedy(rows)).map((output) => [{ ...output, logprob: null, score: null }]);
  }
  const decoder = await generator.openDecoder();
  return createSearch({
    ...{ decoder, generation, vocabulary },
    maxHypotheses: generator.sizes.maxHypotheses,
  });
}

function readKnownWords(file: string): ReadonlySet<string> | null {
  if (!isThere(file)) return null;
  return new Set(
    readCheckpointText(file)
      .split('\n')
      .filter((line) => line !== ''),
  );
}
