import { cellOf, type OwnColumns } from '../../contract/cell.ts';
import type { RowResult } from '../../contract/outcome.ts';
import type { SystemEvaluation } from '../evaluation/evaluation.ts';
import type { RunReport } from '../summary.ts';
import type { Agreement, ComparedData, MeasuredDetoxifier, MeasuredScorer } from './comparison.ts';
import { agreement, type Labelled, readLabel, rocCurve, type ScoresByRow } from './scorers.ts';

/** A checkpoint that went over the data in an ordinary run. */
export interface MeasuredRun {
  readonly checkpoint: string;
  /** The system it stands in for. */
  readonly standsFor: string | null;
  readonly report: RunReport;
  readonly results: readonly RowResult[];
  readonly memoryBytes: number | null;
}

/** What the run says of its detoxifier, and what the judges say, if they were asked. */
export function measureDetoxifier(run: MeasuredRun, judged: SystemEvaluation | null): MeasuredDetoxifier {
  const { checkpoint, standsFor, report, results, memoryBytes } = run;
  // The detoxifier also wrote for rejected and unchanged rows.
  const written = results.filter(({ outcome }) => outcome !== 'clean').length;
  const ms = report.engineMs.rewrite;
  return {
    checkpoint,
    standsFor,
    run: report,
    rowsPerSecond: report.rowsPerSecond,
    memoryBytes,
    msPerRewrite: ms === undefined || written === 0 ? null : ms / written,
    quality: judged === null ? null : judged.metrics,
  };
}

/** What the run says of its scorer, by the labels of rows where there are any. */
export function measureScorer(run: MeasuredRun, labels: ReadonlyMap<number, boolean>): MeasuredScorer {
  const { checkpoint, standsFor, report, results, memoryBytes } = run;
  const scores = scoresOf(results);
  const labelled: Labelled = [...scores].flatMap(([row, score]) => {
    const toxic = labels.get(row);
    return toxic === undefined ? [] : [{ score, toxic }];
  });
  const right = labelled.filter(({ score, toxic }) => score >= report.threshold === toxic).length;
  const called = [...scores.values()].filter((score) => score >= report.threshold).length;
  const curve = rocCurve(labelled);
  return {
    checkpoint,
    standsFor,
    run: report,
    rowsPerSecond: report.rowsPerSecond,
    memoryBytes,
    toxicShare: scores.size === 0 ? 0 : called / scores.size,
    auc: curve?.auc ?? null,
    curve: curve?.points ?? null,
    accuracy: labelled.length === 0 ? null : right / labelled.length,
  };
}

/** Every pair of scorers. */
export function measureAgreements(runs: readonly MeasuredRun[]): Agreement[] {
  return runs.flatMap((a, at) =>
    runs.slice(at + 1).flatMap((b) => {
      const sides = [a, b].map(({ checkpoint, results }) => [checkpoint, scoresOf(results)] as const);
      const [first, second] = sides;
      const found = first && second ? agreement(first, second, a.report.threshold) : null;
      return found === null ? [] : [found];
    }),
  );
}

interface Labels {
  readonly byRow: ReadonlyMap<number, boolean>;
  readonly summary: ComparedData['labels'];
}

/** Labels of the rows, from a column that travelled with them. */
export function readLabels(results: readonly RowResult[], column: string | undefined, own: OwnColumns): Labels {
  const byRow = new Map<number, boolean>();
  if (column === undefined) return { byRow, summary: null };
  for (const row of results) {
    const label = readLabel(cellOf(row, column, own));
    if (label !== null) byRow.set(row.rowNo, label);
  }
  const toxic = [...byRow.values()].filter(Boolean).length;
  return { byRow, summary: { column, rows: byRow.size, toxic } };
}

function scoresOf(results: readonly RowResult[]): ScoresByRow {
  return new Map(
    results.flatMap(({ rowNo, toxicityBefore }) => (toxicityBefore === null ? [] : [[rowNo, toxicityBefore] as const])),
  );
}
