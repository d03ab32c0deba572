import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError } from '../contract/errors.ts';
import type { Detoxifier, Rewrite } from '../contract/models.ts';
import { BART_GENERATION_DEFAULTS, bartDecoder, bartEncoder, readBartConfig } from './architectures/bart.ts';
import { paddedTokensFor } from './batches.ts';
import { readFields } from './checkpoint/fields.ts';
import { type GenerationOverrides, readGeneration } from './checkpoint/generation.ts';
import { type CheckpointReference, identifyCheckpoint } from './checkpoint/identity.ts';
import { compileCheckpoint } from './compile/compile.ts';
import { int8WeightLimit } from './cpu.ts';
import { createGreedySearch } from './greedy.ts';
import { openSession } from './session.ts';
import { loadTokenizer } from './tokenizer.ts';
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

/** 128 rows against 64: 64 rows/s instead of 59 on a base-size model. */
const MAX_ROWS = 128;

/**
 * Loads a `BartForConditionalGeneration`: compiles it if the cache has no graphs of it, and opens its sessions.
 * Texts longer than `maxInputTokens` lose their end, as in transformers.
 */
export async function loadDetoxifier(options: DetoxifierOptions): Promise<LoadedDetoxifier> {
  const { folder, cacheFolder } = options;
  const identity = await identifyCheckpoint(options);
  if (identity.architecture !== 'BartForConditionalGeneration') {
    throw new CheckpointError(
      `${folder} is a ${identity.architecture}; a detoxifier must be a BartForConditionalGeneration`,
    );
  }
  const model = readFields(join(folder, 'config.json'));
  const config = readBartConfig(model);
  const generationFile = join(folder, 'generation_config.json');
  const limit = options.maxNewTokens === undefined ? {} : { max_new_tokens: options.maxNewTokens };
  const generation = readGeneration(
    existsSync(generationFile) ? readFields(generationFile) : null,
    model,
    BART_GENERATION_DEFAULTS,
    { ...options.generation, ...limit },
    config,
  );
  const tokenizer = loadTokenizer(folder, config.vocabulary);
  const end = { endTokens: generation.endTokens, padToken: generation.padToken };
  const compiled = await compileCheckpoint(
    { folder, cacheFolder, identity, weightLimit: await int8WeightLimit(), options: end },
    (source) => ({
      'encoder.onnx': bartEncoder(source, config),
      'decoder.onnx': bartDecoder(source, config, end),
    }),
  );
  const encoder = await openSession(join(compiled, 'encoder.onnx'));
  const decoder = await openSession(join(compiled, 'decoder.onnx'));
  const maxInputTokens = Math.min(config.positions, tokenizer.maxTokens ?? Infinity);
  const { layers, heads } = config.decoder;
  const search = createGreedySearch({
    encoder,
    decoder,
    generation,
    shape: { layers, heads, headSize: config.size / heads },
    window: maxInputTokens,
    maxPaddedTokens: options.maxPaddedTokens ?? paddedTokensFor(config.size),
    maxRows: options.maxRows ?? MAX_ROWS,
  });
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
    knownWords: readKnownWords(join(folder, 'known_words.txt')),
    countTokens: tokenizer.count,
    rewrite: (texts) => takeTurns(() => rewrite(texts)),
    close: () =>
      takeTurns(async () => {
        await encoder.close();
        await decoder.close();
      }),
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
