import { UsageError } from '../contract/errors.ts';
import {
  type EvaluatedSystem,
  type EvaluationReport,
  evaluateRows,
  type Judges,
  joinSystems,
  type RowScores,
  type RowTally,
  reportEvaluation,
  type SystemInput,
  scoreLines,
  writeWholeFile,
} from '../report/index.ts';

/** A system to evaluate: where its rows come from. */
export interface EvaluatedSource extends SystemInput, EvaluatedSystem {
  readonly hasReferences: boolean;
  /** How much of it was read, 0 to 1; null where that is not known. */
  share(): number | null;
  close(): void;
}

export interface EvaluationRequest {
  readonly judges: Judges;
  /** Of runs: judge clean rows, too, which were left as they are. */
  readonly allRows: boolean;
  /** File for the scores of every row; it appears when all are there. */
  readonly scores?: string | undefined;
  /** Called with rows that are judged. */
  readonly onRows: (rows: number) => void;
}

/** Judges one system, or two row by row. @throws UsageError where no row can be judged */
export function evaluateSources(
  sources: readonly EvaluatedSource[],
  request: EvaluationRequest,
): Promise<EvaluationReport> {
  const { scores } = request;
  if (scores === undefined) return judgeSources(sources, request, async () => {});
  const lines = scoreLines(scores, namesOf(sources));
  return writeWholeFile(scores, async (file) => {
    await file.appendFile(lines.header);
    return judgeSources(sources, request, async (rows) => {
      await file.appendFile(lines.of(rows));
    });
  });
}

async function judgeSources(
  sources: readonly EvaluatedSource[],
  { judges, allRows, onRows }: EvaluationRequest,
  write: (rows: readonly RowScores[]) => Promise<void>,
): Promise<EvaluationReport> {
  const names = namesOf(sources);
  const tally: RowTally = { read: 0, leftOut: new Map(), failedAsCopies: names.map(() => 0) };
  const rows = joinSystems(sources, allRows ? 'all' : 'toxic', tally);
  const evaluation = await evaluateRows(rows, {
    systems: names,
    judges,
    chrfAgainst: sources.some(({ hasReferences }) => hasReferences) ? 'references' : 'source',
    async onScores(scored) {
      await write(scored);
      onRows(scored.length);
    },
  });
  if (evaluation.rows === 0) throw new UsageError(noRows(names, tally));
  return reportEvaluation(evaluation, tally, sources);
}

function namesOf(sources: readonly EvaluatedSource[]): string[] {
  return sources.map(({ name }) => name);
}

function noRows(names: readonly string[], { leftOut, firstFault }: RowTally): string {
  const reasons = [...leftOut].map(([reason, count]) => `${count.toLocaleString('en-US')} ${reason}`).join(', ');
  const first = firstFault === undefined ? '' : ` The first that failed: ${firstFault}.`;
  return `${names.join(' and ')}: there is no row to judge${reasons === '' ? '' : `; left out: ${reasons}`}.${first}`;
}
