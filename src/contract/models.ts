/**
 * fp32 gives the tokens of transformers; int8 is row-wise quantized and the default on a CPU, fp16 on other devices. int8-static has
 * one scale for all rows at each place of a model, measured on rows of the run.
 */
export const PRECISIONS = ['int8', 'int8-static', 'fp16', 'fp32'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** Whether products are computed in bytes. */
export function inBytes(precision: Precision): boolean {
  return precision === 'int8' || precision === 'int8-static';
}

/** Activation scales for `int8-static`: the value of one step of the 8 bits at each place of a model, by the name of a layer that reads it there. */
export type ActivationScales = Readonly<Record<string, number>>;

/** For each model of a run, the scales of `int8-static`. */
export interface ModelScales {
  readonly scorer: ActivationScales;
  readonly detoxifier: ActivationScales;
  readonly prefilter?: ActivationScales | undefined;
}

/** A checkpoint on this machine. */
export interface LocalCheckpoint {
  /** As the user named it; part of its identity. */
  readonly name: string;
  readonly folder: string;
}

/** Which weights ran. It suffices to tell two results apart. Stored in `models` and in a run's settings. */
export interface ModelIdentity {
  /** As the user named it: alias, hub id or folder name. */
  readonly name: string;
  readonly architecture: string;
  /** sha256 (hex) over config, tokenizer and weights. */
  readonly digest: string;
  readonly precision: Precision;
}

export interface Score {
  /** Probability of the toxic label, 0 to 1. */
  readonly toxicity: number;
  /** Raw outputs of the classifier head, one per label. */
  readonly logits: readonly number[];
  readonly inputTokens: number;
}

export interface Scorer {
  readonly identity: ModelIdentity;
  /** Longest input in tokens, special tokens included. */
  readonly maxInputTokens: number;
  countTokens(text: string): number;
  /** One score per text, in order. A score never depends on the other texts of the call. */
  score(texts: readonly string[]): Promise<Score[]>;
}

/** One output of a generator. */
export interface RewriteCandidate {
  readonly text: string;
  /** Generated token ids, without the decoder's start token and padding, with the end token if it came. */
  readonly tokens: readonly number[];
  /** False when generation ran into its length limit. */
  readonly finished: boolean;
  /**
   * Sum of the log-probabilities that the model itself gives the tokens, before any penalty; null where greedy search ran
   * inside the graph, which does not compute it.
   */
  readonly logprob: number | null;
  /** The value that the search ranks by: in beam search `sequences_scores` of transformers, else the same as `logprob`. */
  readonly score: number | null;
}

/** The best output for a text. */
export interface Rewrite extends RewriteCandidate {
  readonly inputTokens: number;
  /** Where more than one output was asked for (`num_return_sequences`): all of them, best first, this one included. */
  readonly candidates: readonly RewriteCandidate[];
}

export interface Detoxifier {
  readonly identity: ModelIdentity;
  readonly maxInputTokens: number;
  /** Lower-case words that the checkpoint vouches for (`known_words.txt` beside the weights), or null. */
  readonly knownWords: ReadonlySet<string> | null;
  countTokens(text: string): number;
  /** One rewrite per text, in order. A rewrite never depends on the other texts of the call. */
  rewrite(texts: readonly string[]): Promise<Rewrite[]>;
}
