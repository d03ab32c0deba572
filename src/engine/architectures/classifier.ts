import { CheckpointError, UsageError } from '../../contract/errors.ts';
import type { Fields } from '../checkpoint/config/fields.ts';
import type { Tensors } from '../checkpoint/weights/tensors.ts';
import type { Source } from '../compile/layers.ts';

/** Meaning of a classifier's logits. */
interface LabelConfig {
  /** In the order of the logits. */
  readonly labels: readonly string[];
  /** True: the labels are independent questions (sigmoid). False: exactly one label is right (softmax). */
  readonly multiLabel: boolean;
}

/** What the engine needs to know about a class that assigns labels to texts. */
export interface Classifier extends LabelConfig {
  /** Features of a hidden value. They decide how many tokens fit one batch. */
  readonly size: number;
  readonly vocabulary: number;
  /** Longest input in tokens that the positions allow. */
  readonly window: number;
  readonly padToken: number;
  /** Input: `tokens` int64 [rows, length], rows of one length or padded (see `Source`). Output: `logits` fp32 [rows, labels]. */
  graph(source: Source): Uint8Array;
}

/** Ids and names of the labels by `id2label`, sorted by id; without it two labels, or `num_labels`, named as transformers names them. */
function labelEntries(fields: Fields): [id: string, name: unknown][] {
  const named = fields.raw('id2label');
  if (typeof named === 'object' && named !== null) {
    return Object.entries(named).sort(([a], [b]) => Number(a) - Number(b));
  }
  return Array.from({ length: fields.size('num_labels', 2) }, (_, id) => [String(id), `LABEL_${id}`]);
}

/** Names of the labels in the order of their ids, whatever the ids are. */
export function labelNames(fields: Fields): string[] {
  return labelEntries(fields).map(([, name]) => String(name));
}

/**
 * The labels of a classifier and what its logits mean.
 *
 * @throws CheckpointError for labels without names, ids that are not 0, 1, …, and models that give no probabilities
 */
export function readLabels(fields: Fields): LabelConfig {
  const entries = labelEntries(fields);
  const count = entries.length;
  const labels = entries.map(([id, name], label) => {
    if (id === String(label) && typeof name === 'string') return name;
    throw fields.error(`id2label has no name for label ${label} of ${count}`);
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

/** @throws CheckpointError if the weights have no such matrix, that is, the head was never trained */
export function requireHead(tensors: Tensors, name: string): void {
  if (tensors.has(name)) return;
  throw new CheckpointError(
    `the weights have no ${name}: this checkpoint has no trained classifier head. Train one: ` +
      'python -m training.finetune --task classify --base CHECKPOINT --out FOLDER',
  );
}

/** A label that means toxic. */
export interface ToxicLabel {
  readonly index: number;
  /** As the checkpoint spells it. */
  readonly name: string;
  /** The label was guessed from a usual name or the usual order. The user who starts a run must be told. */
  readonly isGuess: boolean;
}

const TOXIC = /^toxic(ity)?$/i;
/**
 * Names that mean toxic if no label has that name, compared without characters that are not letters. A name that only begins
 * with one of them does not match (`not_hate`).
 */
const USUAL =
  /^(hate(ful|speech)?|offens(e|ive)(language)?|abus(e|ive)|insult(s|ing)?|obscen(e|ity)|profan(e|ity)|harmful|hostile|unsafe|hs)$/;

/**
 * Finds the label that means toxic, in this order: the label that was asked for, regardless of case; a label named toxic or
 * toxicity; the only label with a usual name; the second of two labels without names. Everything else is refused, because the
 * order could be reversed.
 *
 * @throws UsageError if there is no such label, CheckpointError if none has such a name; both list the labels
 */
export function findToxicLabel(fields: Fields, { labels, multiLabel }: LabelConfig, asked?: string): ToxicLabel {
  const at = (index: number, isGuess: boolean): ToxicLabel => ({ index, name: labels[index] ?? '', isGuess });
  const places = (means: (label: string) => boolean): number[] =>
    labels.flatMap((label, index) => (means(label) ? [index] : []));
  const listed = labels.map((label) => JSON.stringify(label)).join(', ');
  if (asked !== undefined) {
    const wanted = asked.trim();
    const alike = places((label) => label.trim().toLowerCase() === wanted.toLowerCase());
    const [found] = alike.length > 1 ? places((label) => label === wanted) : alike;
    if (found !== undefined) return at(found, false);
    throw new UsageError(
      `${fields.file} has no label ${JSON.stringify(asked)} (--toxic-label). Its labels are ${listed}.`,
    );
  }
  const isCertain = labels.length === 2 || multiLabel;
  const [named, ...others] = places((label) => TOXIC.test(label));
  if (named !== undefined && (isCertain || others.length === 0)) return at(named, !isCertain);
  if (!multiLabel && labels.length === 2 && labels.every((label) => /^LABEL_[01]$/.test(label))) return at(1, true);
  const usual = places((label) => USUAL.test(label.toLowerCase().replaceAll(/[^a-z]/g, '')));
  const [only] = usual;
  if (only !== undefined && usual.length === 1) return at(only, true);
  const why = usual.length > 1 ? 'more than one label that may mean toxic' : 'no label that surely means toxic';
  throw fields.error(`id2label names ${why}: ${listed}. Say which one does with --toxic-label NAME`);
}
