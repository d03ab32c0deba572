import { createAnswers } from '../../detox/answers.ts';
import { chrf } from '../../detox/chrf.ts';
import { toModelForm } from '../../detox/model-form.ts';
import { isWordyForm } from '../../detox/plan.ts';
import { formFor, isCut, type Judge, type Judges } from './judges.ts';

/** A source and what one or several systems made of it. */
export interface EvaluationRow {
  /** 0-based. */
  readonly rowNo: number;
  readonly rowKey: string | null;
  readonly source: string;
  /** One a system; null where a system gave none. */
  readonly outputs: readonly (string | null)[];
  /** What people made of the source; may be empty. */
  readonly references: readonly string[];
}

/** Grades of one output. */
export interface OutputScores {
  /** Probability that the output is not toxic. */
  readonly neutral: number;
  /** Cosine of the embeddings of source and output. */
  readonly similarity: number;
  /** Probability that the output is acceptable English. */
  readonly acceptable: number;
  /** chrF, 0 to 1: against several references the best; NaN where a row has no reference to compare with. */
  readonly chrf: number;
  /** The output is the source. */
  readonly isCopy: boolean;
  /** The output has no words, or is missing: nothing was judged, and every score is 0. */
  readonly isBlank: boolean;
}

export interface RowScores {
  readonly rowNo: number;
  readonly rowKey: string | null;
  /** One a system. */
  readonly outputs: readonly OutputScores[];
  /** Judges that did not see the end of the source or of an output. */
  readonly cutFor: readonly (keyof Judges)[];
}

/** Rows that the judges see in one call: enough for full batches, and flat memory. */
const ROWS_PER_CALL = 512;

interface FormedRow {
  readonly row: EvaluationRow;
  readonly source: string;
  readonly outputs: readonly string[];
}

/**
 * Grades rows as they come, some hundreds at a time. All texts, references too, are compared in model form.
 *
 * @param against what chrF compares outputs with
 */
export async function* scoreRows(
  rows: AsyncIterable<EvaluationRow>,
  judges: Judges,
  against: 'references' | 'source',
): AsyncGenerator<readonly RowScores[]> {
  let batch: FormedRow[] = [];
  for await (const row of rows) {
    const outputs = row.outputs.map((output) => (output === null ? '' : toModelForm(output)));
    batch.push({ row, source: toModelForm(row.source), outputs });
    if (batch.length < ROWS_PER_CALL) continue;
    yield await scoreBatch(batch, judges, against);
    batch = [];
  }
  if (batch.length > 0) yield await scoreBatch(batch, judges, against);
}

async function scoreBatch(
  batch: readonly FormedRow[],
  { sta, sim, fl }: Judges,
  against: 'references' | 'source',
): Promise<RowScores[]> {
  const neutral = createAnswers((texts) => sta.judge(texts));
  const acceptable = createAnswers((texts) => fl.judge(texts));
  const vectors = createAnswers((texts) => sim.embed(texts));
  const outputs = batch.flatMap((row) => row.outputs.filter(isWordyForm));
  await neutral.ask(outputs.map((output) => formFor(sta, output)));
  await acceptable.ask(outputs.map((output) => formFor(fl, output)));
  await vectors.ask([...outputs, ...batch.map(({ source }) => source)].map((text) => formFor(sim, text)));

  const scoreOutput = ({ row, source }: FormedRow, output: string): OutputScores => {
    const likeness = against === 'source' ? chrf(output, source) : bestChrf(output, row.references);
    if (!isWordyForm(output)) {
      return { neutral: 0, similarity: 0, acceptable: 0, chrf: likeness, isCopy: false, isBlank: true };
    }
    return {
      neutral: neutral.of(formFor(sta, output)),
      similarity: cosine(vectors.of(formFor(sim, source)), vectors.of(formFor(sim, output))),
      acceptable: acceptable.of(formFor(fl, output)),
      chrf: likeness,
      isCopy: output === source,
      isBlank: false,
    };
  };
  const cutFor = (row: FormedRow): (keyof Judges)[] => {
    const isCutFor = (judge: Judge, texts: readonly string[]): boolean =>
      texts.some((text) => isCut(judge, formFor(judge, text)));
    const cut: (keyof Judges)[] = [];
    if (isCutFor(sta, row.outputs)) cut.push('sta');
    if (isCutFor(sim, [row.source, ...row.outputs])) cut.push('sim');
    if (isCutFor(fl, row.outputs)) cut.push('fl');
    return cut;
  };
  return batch.map((item) => ({
    rowNo: item.row.rowNo,
    rowKey: item.row.rowKey,
    outputs: item.outputs.map((output) => scoreOutput(item, output)),
    cutFor: cutFor(item),
  }));
}

/** Of unit vectors. */
function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function bestChrf(output: string, references: readonly string[]): number {
  let best = Number.NaN;
  for (const reference of references) {
    const value = chrf(output, toModelForm(reference));
    if (!(best >= value)) best = value;
  }
  return best;
}
