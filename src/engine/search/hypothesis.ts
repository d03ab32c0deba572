/** A token that may come next. */
export interface Candidate {
  readonly token: number;
  /** What the search compares: the logit or log-probability after penalties, in fp32. Finite. */
  readonly score: number;
  /** Log-probability that the model itself gives the token, before any penalty. */
  readonly logprob: number;
}

/** What has been generated for a row. */
export interface Hypothesis {
  /** Generated tokens, without start token or prompt, with the end token if it came. */
  readonly tokens: readonly number[];
  /** Sum of the log-probabilities that the model itself gives the tokens, the end token included. */
  readonly logprob: number;
  /** Beam search: `sequences_scores` of transformers, penalties and length in it. Otherwise the same as `logprob`. */
  readonly score: number;
  /** False if it ran into the length limit. */
  readonly finished: boolean;
}

/** A hypothesis on its way. */
export interface Running {
  readonly tokens: readonly number[];
}

/** The search for one row. It ends when nothing is running. */
export interface RowSearch {
  running(): readonly Running[];
  /**
   * Takes one step.
   *
   * @param candidates for each running hypothesis, best first
   * @returns for each hypothesis that is running now, the place of its parent among those that were
   */
  advance(candidates: readonly (readonly Candidate[])[]): readonly number[];
  /** Best first. */
  results(): readonly Hypothesis[];
}

/** What a row's search has to know besides the options. */
export interface RowLimits {
  /** Most tokens that the row may get. */
  readonly maxNewTokens: number;
  readonly isEnd: (token: number) => boolean;
  /** Whether the last token is forced to be an end token: then it does not say that the row has come to its end. */
  readonly endForced: boolean;
}

export function isFinished(tokens: readonly number[], limits: RowLimits): boolean {
  const forced = tokens.length === limits.maxNewTokens && limits.endForced;
  return limits.isEnd(tokens.at(-1) ?? -1) && !forced;
}
