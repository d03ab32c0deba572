/** A token that may come next. */
export interface Candidate {
  readonly token: number;
  /** Score that the search compares: the logit or log-probability after penalties, in fp32. Finite. */
  readonly score: number;
  /** Log-probability that the model itself gives the token, before any penalty. */
  readonly logprob: number;
}

/** Generated output of a row. */
export interface Hypothesis {
  /** Generated tokens without start token or prompt, with the end token if there is one. */
  readonly tokens: readonly number[];
  /** Sum of the log-probabilities that the model itself gives the tokens, the end token included. */
  readonly logprob: number;
  /** Beam search: `sequences_scores` of transformers, including penalties and length. Otherwise the same as `logprob`. */
  readonly score: number;
  /** False if it reached the length limit. */
  readonly finished: boolean;
}

/** A running hypothesis. */
interface Running {
  readonly tokens: readonly number[];
}

/** Search for one row. It ends when no hypothesis is running. */
export interface RowSearch {
  running(): readonly Running[];
  /**
   * Takes one step.
   *
   * @param candidates for each running hypothesis, best first
   * @returns for each hypothesis that runs after the step, the place of its parent among those before
   */
  advance(candidates: readonly (readonly Candidate[])[]): readonly number[];
  /** Best first. */
  results(): readonly Hypothesis[];
}

/** What a row's search needs besides the options. */
export interface RowLimits {
  /** Largest number of tokens for the row. */
  readonly maxNewTokens: number;
  readonly isEnd: (token: number) => boolean;
  /** Whether the last token is forced to be an end token. Such a token does not mean that the row had ended. */
  readonly endForced: boolean;
}

export function isFinished(tokens: readonly number[], limits: RowLimits): boolean {
  const forced = tokens.length === limits.maxNewTokens && limits.endForced;
  return limits.isEnd(tokens.at(-1) ?? -1) && !forced;
}
