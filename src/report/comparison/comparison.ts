import type { Inspection } from '../../contract/inspection.ts';
import type { Estimate, Evaluation } from '../evaluation/evaluation.ts';
import type { Metric } from '../evaluation/metrics.ts';
import type { RunReport } from '../summary.ts';

/** Systems side by side: what they are, and what they did on the same rows. */
export interface Comparison {
  readonly data: ComparedData;
  /** In the order in which they were named. */
  readonly systems: readonly ComparedSystem[];
  /** Checkpoints with a tokenizer on disk. */
  readonly tokenizers: readonly ComparedTokenizer[];
  /** Pairs of those tokenizers. */
  readonly overlaps: readonly VocabularyOverlap[];
  readonly detoxifiers: readonly MeasuredDetoxifier[];
  /** Who judged the rewrites, and how many rows; null where nothing was judged. */
  readonly judged: Pick<Evaluation, 'judges' | 'rows'> | null;
  readonly scorers: readonly MeasuredScorer[];
  readonly agreements: readonly Agreement[];
  readonly examples: readonly Example[];
  /** What was asked for and is not here, and why. */
  readonly missing: readonly string[];
  /** Shows the rows of all runs side by side. */
  readonly sql: string | null;
}

export interface ComparedData {
  readonly file: string;
  readonly rows: number;
  /** Column of the labels, and how many rows have one. */
  readonly labels: { readonly column: string; readonly rows: number; readonly toxic: number } | null;
}

export interface ComparedSystem {
  /** As it was named. */
  readonly name: string;
  readonly inspection: Inspection;
  /** The bundled checkpoint that is measured in its place, since it is not on disk; null where it is itself. */
  readonly standIn: Inspection | null;
}

export interface ComparedTokenizer {
  readonly checkpoint: string;
  readonly kind: string;
  readonly tokens: number;
  readonly tokensPerWord: number;
}

export interface VocabularyOverlap {
  readonly a: string;
  readonly b: string;
  /** Tokens that stand for the same text in both. */
  readonly shared: number;
  /** Of the smaller vocabulary, 0 to 1. */
  readonly share: number;
}

export interface Speed {
  /** First claim to last completion of the run, scoring and writing included. */
  readonly rowsPerSecond: number | null;
  /** Highest resident memory of an engine process, with scorer and detoxifier, in bytes; null where nothing was measured. */
  readonly memoryBytes: number | null;
}

export interface MeasuredDetoxifier extends Speed {
  readonly checkpoint: string;
  /** The system it stands in for. */
  readonly standsFor: string | null;
  readonly run: RunReport;
  /** Engine time in the detoxifier, by row that it wrote for; null where it wrote none. */
  readonly msPerRewrite: number | null;
  /** By the judges, over the rows that some system rewrote; null where they did not judge. */
  readonly quality: Readonly<Record<QualityMetric, Estimate>> | null;
}

/** Of the evaluation: J and what it is made of. */
export const QUALITY = ['sta', 'sim', 'fl', 'j'] as const satisfies readonly Metric[];
type QualityMetric = (typeof QUALITY)[number];

export interface MeasuredScorer extends Speed {
  readonly checkpoint: string;
  readonly standsFor: string | null;
  readonly run: RunReport;
  /** Share of the scored rows that it calls toxic, 0 to 1. */
  readonly toxicShare: number;
  /** Against the labels: area under the ROC curve and the curve itself; null without labels. */
  readonly auc: number | null;
  readonly curve: readonly (readonly [falsePositives: number, truePositives: number])[] | null;
  /** Share of labelled rows on the right side of the threshold. */
  readonly accuracy: number | null;
}

export interface Agreement {
  readonly a: string;
  readonly b: string;
  /** Share of rows that both put on the same side of the threshold, 0 to 1. */
  readonly share: number;
  /** Pearson's correlation of the probabilities; null where one of them is constant. */
  readonly correlation: number | null;
}

/** A row with what each detoxifier made of it. */
export interface Example {
  readonly rowNo: number;
  readonly text: string;
  readonly outputs: readonly { readonly checkpoint: string; readonly outcome: string; readonly text: string | null }[];
}
