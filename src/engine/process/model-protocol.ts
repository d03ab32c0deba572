import type { Device } from '../../contract/device.ts';
import type { GenerationOverrides } from '../../contract/generation.ts';
import type { LocalCheckpoint, ModelIdentity, Precision, Rewrite } from '../../contract/models.ts';

/** The program of an engine process of one model, for `fork`. */
export const MODEL_ENTRY = new URL(
  `./model-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
  import.meta.url,
);

interface Loading extends LocalCheckpoint {
  readonly precision: Precision;
  readonly device: Device;
  readonly cacheFolder: string;
}

/** What a process is told when it starts. */
export type ModelOptions =
  | (Loading & { readonly role: 'scorer'; readonly toxicLabels: readonly string[] | undefined })
  | (Loading & { readonly role: 'detoxifier'; readonly generation: GenerationOverrides; readonly prompt: string });

export interface TextScore {
  /** Probability that the text is toxic, 0 to 1; null for a text without a visible character, which is not scored. */
  readonly toxicity: number | null;
  /** Tokens that the model read. */
  readonly tokens: number;
}

export type ToModel =
  | { readonly type: 'start'; readonly options: ModelOptions }
  | { readonly type: 'call'; readonly texts: readonly string[] };

export type FromModel =
  | { readonly type: 'ready'; readonly identity: ModelIdentity; readonly maxInputTokens: number }
  /** The model cannot be loaded: another process would fail the same way. */
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'answer'; readonly results: readonly (TextScore | Rewrite)[] }
  | { readonly type: 'failed'; readonly message: string };
