import type { ModelIdentity } from '../../contract/models.ts';

/**
 * The text that a judge reads; the same for sources and outputs.
 * - `model`: lower case, punctuation set apart, links as `urlx`: the form of ParaDetox, which the toxicity and
 *   similarity judges of the paper read, too, and which the bundled judges were trained on
 * - `joined`: the same with punctuation put back to its word, which the paper's script does for the fluency judge
 */
export type JudgeForm = 'model' | 'joined';

export interface Judge {
  readonly identity: ModelIdentity;
  readonly form: JudgeForm;
  /** Longest input in tokens, special tokens included; longer texts lose their end. */
  readonly maxInputTokens: number;
  countTokens(text: string): number;
}

/** Gives a probability for each text, in order, whatever the other texts of the call. */
interface ProbabilityJudge extends Judge {
  judge(texts: readonly string[]): Promise<readonly number[]>;
}

interface SimilarityJudge extends Judge {
  /** Unit vectors, in order. */
  embed(texts: readonly string[]): Promise<readonly Float32Array[]>;
}

/** Who grades: style (STA), similarity (SIM) and fluency (FL). */
export interface Judges {
  /** Probability that a text is not toxic. */
  readonly sta: ProbabilityJudge;
  readonly sim: SimilarityJudge;
  /** Probability that a text is acceptable English. */
  readonly fl: ProbabilityJudge;
}

/** A text in model form as a judge reads it. */
export function formFor(judge: Judge, modelForm: string): string {
  return judge.form === 'model' ? modelForm : modelForm.replaceAll(/ (?=[.,!?)])/g, '').replaceAll('( ', '(');
}

/** Whether a judge does not see the end of a text. */
export function isCut(judge: Judge, text: string): boolean {
  // A token covers at least one byte, so most texts need no count.
  return Buffer.byteLength(text) + 2 > judge.maxInputTokens && judge.countTokens(text) > judge.maxInputTokens;
}
