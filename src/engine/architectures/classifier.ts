import { CheckpointError } from '../../contract/errors.ts';
import type { Fields } from '../checkpoint/fields.ts';
import type { Tensors } from '../checkpoint/tensors.ts';
import type { Source } from '../compile/layers.ts';

/** What the logits of a classifier mean. */
export interface LabelConfig {
  /** In the order of the logits. */
  readonly labels: readonly string[];
  /** Each label is a question of its own (sigmoid); else one of them is right (softmax). */
  readonly multiLabel: boolean;
}

/** What the engine needs to know of a class of checkpoints that sort texts under labels. */
export interface Classifier extends LabelConfig {
  /** Features of a hidden value: decides how many tokens fit one run. */
  readonly size: number;
  readonly vocabulary: number;
  /** Longest input in tokens that the positions allow. */
  readonly window: number;
  readonly padToken: number;
  /** Input: `tokens` int64 [rows, length], rows of one length or padded (see `Source`). Output: `logits` fp32 [rows, labels]. */
  graph(source: Source): Uint8Array;
}

/** Labels by `id2label`; without it two, or `num_labels`, named as transformers names them. */
export function readLabels(fields: Fields): LabelConfig {
  const names = fields.raw('id2label');
  const entries = typeof names === 'object' && names !== null ? Object.entries(names) : null;
  const count = entries?.length ?? fields.size('num_labels', 2);
  const byId = new Map(entries ?? []);
  const labels = Array.from({ length: count }, (_, label) => {
    const name: unknown = entries === null ? `LABEL_${label}` : byId.get(String(label));
    if (typeof name !== 'string') throw fields.error(`id2label has no name for label ${label} of ${count}`);
    return name;
  });
  if (count === 0) throw fields.error('id2label names no label');
  const problem = fields.raw('problem_type') ?? 'single_label_classification';
  if (problem !== 'single_label_classification' && problem !== 'multi_label_classification') {
    throw fields.error(
      `problem_type ${JSON.stringify(problem)} is not supported: single_label_classification and multi_label_classification are`,
    );
  }
  const multiLabel = problem === 'multi_label_classification';
  if (count === 1 && !multiLabel) {
    throw fields.error('id2label has one label, which makes the model a regression: it gives no probabilities');
  }
  return { labels, multiLabel };
}

/** @throws CheckpointError where the weights have no such matrix: the head was never trained */
export function requireHead(tensors: Tensors, name: string): void {
  if (tensors.has(name)) return;
  throw new CheckpointError(
    `the weights have no ${name}: this checkpoint has no trained classifier head. Train one: ` +
      'python -m training.finetune --task classify --base CHECKPOINT --out FOLDER',
  );
}

/**
 * Index of the label that means toxic: the one named so, or the second of two without names. Anything else is refused,
 * since it could be the wrong way round.
 */
export function toxicLabel(fields: Fields, { labels, multiLabel }: LabelConfig): number {
  const named = labels.findIndex((label) => /^toxic(ity)?$/i.test(label));
  if (labels.length !== 2 && !multiLabel) {
    throw fields.error(
      `id2label has ${labels.length} labels, of which one is right: a scorer has two, neutral and toxic`,
    );
  }
  if (named !== -1) return named;
  if (!multiLabel && labels.every((label) => /^LABEL_[01]$/.test(label))) return 1;
  throw fields.error(`id2label names no label "toxic" but ${labels.join(' and ')}`);
}
