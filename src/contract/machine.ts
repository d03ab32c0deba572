/** Facts of this machine that the engine's choices depend on. */
export interface MachineFacts {
  readonly processor: Processor;
  readonly runtime: RuntimeFacts;
  readonly int8: Int8Form;
  /** One thread, at shapes of a base-size model. */
  readonly rates: readonly ProductRate[];
}

export interface Processor {
  /** As the operating system names it. */
  readonly model: string;
  /** `x64`, `arm64`, … */
  readonly architecture: string;
  /** Cores that this process may use. */
  readonly cores: number;
  /** Instruction sets that matter for products of matrices; null where the operating system does not say. */
  readonly instructionSets: readonly string[] | null;
}

export interface RuntimeFacts {
  /** Version of onnxruntime. */
  readonly version: string;
  /** Execution providers that it was built with. */
  readonly providers: readonly string[];
}

/** Activations are u8 around 128, weights s8 around 0. */
export interface Int8Form {
  /** Largest magnitude of a weight: 127, or 63 where products saturate. */
  readonly weightLimit: number;
  readonly reason: string;
}

/** Speed of [rows, inputs] × [inputs, outputs], in 10⁹ multiplications and additions per second. */
export interface ProductRate {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly int8: number;
  readonly fp32: number;
}

/** How much work one call of a graph does. Decides speed and memory, never a result. */
export interface Sizes {
  /** Tokens of a batch of an encoder or classifier. */
  readonly maxBatchTokens: number;
  /** Rows decoded together by greedy search. */
  readonly maxRows: number;
  /** Steps in one call of its decoder. */
  readonly stepsPerCall: number;
  /** A call ends early when at most this share of its rows is unfinished. */
  readonly keepGoingAbove: number;
  /** Hypotheses decoded together by every other search, counted over all rows. */
  readonly maxHypotheses: number;
}

/** Sizes that a calibration of this machine has chosen. Where one is missing, the default holds. */
export type TunedSizes = Partial<Sizes>;

/** What a calibration measured about one size. */
export interface TunedSize {
  readonly size: keyof Sizes;
  readonly default: number;
  readonly chosen: number;
  /** Speed with the default and with the chosen size, on made-up texts, in `unit` per second. */
  readonly defaultRate: number;
  readonly chosenRate: number;
  readonly unit: 'tokens' | 'rows';
  /** The other sizes that were tried, each with its rate relative to the default in the same round (median). */
  readonly tried: readonly { readonly size: number; readonly ratio: number }[];
}
