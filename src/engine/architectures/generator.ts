import type { DecoderPlan } from '../compile/decoder-plan.ts';
import type { Source } from '../compile/layers.ts';
import type { DecoderShape } from '../sources.ts';

/** What the engine needs to know of a class of checkpoints that generate text. */
export interface Generator {
  readonly shape: DecoderShape;
  /** Features of a hidden value: decides how many tokens fit one run. */
  readonly size: number;
  readonly vocabulary: number;
  /** Longest input in tokens; Infinity if only the tokenizer sets a limit. */
  readonly inputPositions: number;
  /** Longest output in tokens, or Infinity. */
  readonly positions: number;
  /** Generation options that this class sets where `config.json` is silent and there is no `generation_config.json`. */
  readonly generationDefaults: Readonly<Record<string, number>>;
  /**
   * The graph that reads the source. Inputs: `tokens` int64 [rows, length], `mask` int32 [rows, length] (1 for a token, 0 for
   * padding). Outputs for each layer of the decoder: `cross_key_N` and `cross_value_N`, fp32 [rows, heads, length, head size].
   */
  encoder(source: Source): Uint8Array;
  /** Its sources are `cross_mask` and those outputs. */
  decoder(source: Source): DecoderPlan;
}
