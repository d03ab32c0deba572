import type { EncodedRow } from './batches.ts';

/**
 * A generator's decoder, one step at a time. It is all that a search (beams, sampling, processed scores) needs to know about
 * an architecture. Greedy search without processors uses the loop inside the graph instead, which is faster.
 *
 * A hypothesis is a source row with the tokens chosen for it so far. None of the values below depends on other hypotheses in
 * the batch.
 */
export interface Decoder {
  /**
   * Reads the rows (with the encoder, or by prefill of all prompt tokens but the last) and makes `copies` equal hypotheses of
   * each: hypothesis `row * copies + copy`. Rows are read whole; the caller truncates them.
   */
  open(rows: readonly EncodedRow[], copies: number): Promise<Decoding>;
}

/** Hypotheses that are being decoded. */
export interface Decoding {
  /**
   * Feeds one token to each hypothesis and returns the scores of the next token.
   *
   * @param order for each new hypothesis, the hypothesis of the last step that it continues. It may be shorter, repeat some
   *   and leave out others. Null keeps all in place.
   */
  step(request: StepRequest, order: readonly number[] | null): Promise<StepScores>;
}

export interface StepRequest {
  /**
   * Last token of each hypothesis, after `order`. At the first step it is the start token, or the last token of the prompt.
   */
  readonly tokens: readonly number[];
  /**
   * Tokens per hypothesis whose scores the search changes itself (penalties, bans, ends). They are left out of `top` and
   * returned in `adjusted`. A list has no token twice; lists may differ in length and be empty.
   */
  readonly adjusted: readonly (readonly number[])[];
  /** Number of best tokens to return: at most the vocabulary minus the longest list of `adjusted`. */
  readonly top: number;
}

/** Scores are raw logits: subtract `logSumExp` for the log-probability. */
export interface StepScores {
  /** [hypotheses × top], row-major, highest first. Of equal ones the smaller token comes first. */
  readonly topTokens: BigInt64Array;
  readonly topLogits: Float32Array;
  /** Logits of the tokens of `adjusted`, in their order. */
  readonly adjustedLogits: readonly Float32Array[];
  /** ln Σ exp(logit) over the whole vocabulary, [hypotheses]. */
  readonly logSumExp: Float32Array;
}
