import type { EncodedRow } from './batches.ts';

/**
 * A generator's decoder, one step at a time: what a search (beams, sampling, processed scores) needs of an architecture,
 * and all that it may know of it. Greedy search without processors has a faster way, the loop inside the graph.
 *
 * A hypothesis is a source row with the tokens chosen for it so far. None of the values below depends on which other
 * hypotheses are in the batch.
 */
export interface Decoder {
  /**
   * Reads the rows (encoder, or prefill of all prompt tokens but the last) and makes `copies` equal hypotheses of each:
   * hypothesis `row * copies + copy`. Rows are read whole: truncation is the caller's.
   */
  open(rows: readonly EncodedRow[], copies: number): Promise<Decoding>;
}

/** Hypotheses on their way. */
export interface Decoding {
  /**
   * Feeds one token to each hypothesis and gives the scores of the next one.
   *
   * @param order for each hypothesis from now on, which of those of the last step it continues; may be shorter, repeat and
   *   leave out. Null keeps all in place.
   */
  step(request: StepRequest, order: readonly number[] | null): Promise<StepScores>;
}

export interface StepRequest {
  /** Last token of each hypothesis, after `order`; at the first step the start token, or the prompt's last one. */
  readonly tokens: readonly number[];
  /**
   * For each hypothesis, tokens whose scores the search changes by itself (penalties, bans, ends): they are left out of
   * `top` and come in `adjusted`. No token twice. Lists may differ in length and be empty.
   */
  readonly adjusted: readonly (readonly number[])[];
  /** How many of the best tokens to give, at most the vocabulary less the longest list of `adjusted`. */
  readonly top: number;
}

/** Scores are raw logits: subtract `logSumExp` for the log-probability. */
export interface StepScores {
  /** [hypotheses × top], row-major; highest first, of equal ones the smaller token. */
  readonly topTokens: BigInt64Array;
  readonly topLogits: Float32Array;
  /** Logits of the tokens of `adjusted`, in their order. */
  readonly adjustedLogits: readonly Float32Array[];
  /** ln Σ exp(logit) over the whole vocabulary, [hypotheses]. */
  readonly logSumExp: Float32Array;
}
