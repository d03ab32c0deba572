/** What is known of a checkpoint without loading its weights. */
export interface Inspection {
  /** As it was named: alias, hub id or folder. */
  readonly name: string;
  /** Where its files lie; null where only the published config is known. */
  readonly folder: string | null;
  /** The model class that `config.json` names, and its `model_type`. */
  readonly architecture: string;
  readonly modelType: string | null;
  /** The module tree as PyTorch prints it; null where the class or a flag of it is not known, and then why. */
  readonly tree: string | null;
  readonly treeReason: string | null;
  /** How the model is built; null without a tree. */
  readonly traits: Traits | null;
  readonly parameters: ParameterCounts | null;
  /** Bytes of the weights alone, without activations; null without a tree. */
  readonly memory: WeightMemory | null;
  /** What lies on disk; null where there are no weights. */
  readonly weights: WeightFacts | null;
  readonly tokenizer: TokenizerFacts;
  readonly use: Use;
  /** What else a reader should know. */
  readonly notes: readonly string[];
}

type Family = 'encoder-decoder' | 'decoder' | 'encoder';

export interface Traits {
  readonly family: Family;
  /** Which positions a position may look at. */
  readonly attention: string;
  /** Null where the model has no such half. */
  readonly encoderLayers: number | null;
  readonly decoderLayers: number | null;
  /** Of the encoder where there are two halves. */
  readonly heads: number;
  readonly headSize: number;
  readonly width: number;
  /** Width inside the feed-forward layers. */
  readonly inner: number;
  readonly gated: boolean;
  readonly norm: 'LayerNorm' | 'RMSNorm';
  readonly normPlace: 'before each sublayer' | 'after each sublayer';
  readonly positions: string;
  /** Longest input in tokens that the positions allow; null where they set no limit. */
  readonly context: number | null;
  /** As the config names it. */
  readonly activation: string;
  /** Whether linear layers have a bias. */
  readonly biases: boolean;
  /** Whether the output matrix is the embedding table; null where the class has no output over the vocabulary. */
  readonly tied: boolean | null;
  /** What this class is trained to give. */
  readonly objective: string;
  /** Of a classifier, in order; null otherwise. */
  readonly labels: readonly string[] | null;
  /** Rows of the embedding table. */
  readonly vocabulary: number;
}

export interface ParameterCounts {
  /** A parameter that several modules share is counted once. */
  readonly total: number;
  /** In the order of the tree: embeddings, encoder, decoder, pooler, head, as far as they exist. */
  readonly parts: readonly { readonly part: string; readonly count: number }[];
  /** Names that mean another's parameter, with that one. */
  readonly shared: readonly { readonly name: string; readonly same: string }[];
}

/** In bytes. */
export interface WeightMemory {
  readonly fp32: number;
  readonly fp16: number;
  /** As this engine keeps them: matrices in 8 bits with a scale per output; embeddings, norms and biases in fp32. */
  readonly int8: number;
}

export interface WeightFacts {
  /** safetensors, sharded safetensors or PyTorch. */
  readonly format: string;
  readonly files: readonly string[];
  readonly bytes: number;
  /** Numbers on disk, by dtype. */
  readonly dtypes: Readonly<Record<string, number>>;
  readonly tensors: number;
  /** sha256 (hex) over config, tokenizer and weights, as runs store it; null where the folder is not complete. */
  readonly digest: string | null;
  /** The header against the tree; null without a tree. */
  readonly check: HeaderCheck | null;
}

/** Names of tensors, as the tree has them. */
export interface HeaderCheck {
  readonly missing: readonly string[];
  /** In the file, and not part of this class. */
  readonly unexpected: readonly string[];
  readonly mismatched: readonly { readonly name: string; readonly file: string; readonly config: string }[];
  /** Other spellings of names that transformers understands, too. */
  readonly renamed: readonly string[];
}

export interface TokenizerFacts {
  readonly kind: 'byte-level BPE' | 'BPE' | 'WordPiece' | 'Unigram' | null;
  /** The file that says so; null where it follows from the model class alone. */
  readonly file: string | null;
  /** Tokens, added ones included. */
  readonly vocabulary: number | null;
  readonly lowercases: boolean | null;
  /** Longest input that the tokenizer's config names. */
  readonly maxTokens: number | null;
  /** Role (`bos_token`, …) and token. */
  readonly special: Readonly<Record<string, string>>;
  /** Why what is on disk cannot be read; null where it can, or where nothing is. */
  readonly problem: string | null;
}

/** What a checkpoint can be used for. */
export type Role = 'detoxifier' | 'scorer' | 'similarity' | 'fluency';

/** What can be done with a checkpoint here. */
export interface Use {
  readonly roles: readonly Role[];
  readonly advice: readonly UseAdvice[];
}

export interface UseAdvice {
  /** For people, without a command: what it can be used as, or why it cannot and what to do. */
  readonly text: string;
  /** What the command line has a command for; null for the rest. */
  readonly command: Role | 'perplexity' | 'pull' | null;
}
