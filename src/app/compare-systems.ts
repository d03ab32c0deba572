import { join } from 'node:path';
import { packageRoot } from '../config.ts';
import type { OwnColumns } from '../contract/cell.ts';
import { CheckpointError, UsageError } from '../contract/errors.ts';
import type { Inspection } from '../contract/inspection.ts';
import { isRejected } from '../contract/row.ts';
import type { RunProgress } from '../contract/run.ts';
import { countTokens, surfaceVocabulary } from '../engine/index.ts';
import { openDataset } from '../producer/dataset.ts';
import { dialectOf } from '../producer/dialect.ts';
import {
  type ComparedSystem,
  type ComparedTokenizer,
  type Comparison,
  comparisonSql,
  type Evaluation,
  evaluateRows,
  type Judges,
  joinSystems,
  type MeasuredRun,
  measureAgreements,
  measureDetoxifier,
  measureScorer,
  pickExamples,
  readLabels,
  runRows,
  vocabularyOverlaps,
} from '../report/index.ts';
import type { Connection } from '../store/database.ts';
import { streamResults, streamRowErrors } from '../store/results.ts';
import { type Candidate, type MeasuredAll, measureAll } from './compare-measure.ts';
import type { Context } from './context.ts';
import type { EnginePlace } from './engines.ts';
import type { OnEvent } from './events.ts';
import { JUDGES, openJudges } from './judges.ts';
import type { RunRequest } from './run-request.ts';

export interface ComparisonRequest {
  /** What each run is asked to do: `detoxifier` and `scorer` are the partners of what is measured. */
  readonly run: RunRequest;
  /** Default: the comments of this package. */
  readonly data?: string | undefined;
  /** Column that says which rows are toxic. */
  readonly labelColumn?: string | undefined;
  readonly place: EnginePlace;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: RunProgress) => void;
}

const DEFAULT_DATA = join(packageRoot, 'examples', 'comments.csv');
const DEFAULT_LIMIT = 200;

/** Opens what runs need; called only where something can be measured. */
export type UseContext = <T>(work: (context: Context) => Promise<T>) => Promise<T>;

/**
 * Describes systems, and measures those that can be measured on the same rows, as ordinary runs.
 *
 * @returns null when the signal stopped it: the runs that were done stay
 */
export async function compareSystems(
  systems: readonly ComparedSystem[],
  asked: ComparisonRequest,
  emit: OnEvent,
  useContext: UseContext,
): Promise<Comparison | null> {
  const file = asked.data ?? DEFAULT_DATA;
  if (file === '-') throw new UsageError('--data must be a file: it is read once for every system.');
  const run = { ...asked.run, limit: asked.run.limit ?? DEFAULT_LIMIT };
  const { texts, labelColumn, own } = await readTexts(file, { run, labelColumn: asked.labelColumn, emit });
  const { candidates, idle } = findCandidates(systems);
  const request = { ...asked, candidates, file, run };
  const measured: (MeasuredAll & Judged) | null =
    candidates.length === 0
      ? { detoxifiers: [], scorers: [], failed: [], evaluation: null, unjudged: [] }
      : await useContext(async (context) => {
          const all = await measureAll(context, request);
          return all === null ? null : { ...all, ...(await judge(context, all)) };
        });
  if (measured === null) return null;
  const { detoxifiers, scorers, failed, evaluation, unjudged } = measured;
  const all = [...detoxifiers, ...scorers];
  const labels = readLabels(all[0]?.results ?? [], labelColumn, own);
  const present = systems.map(({ inspection, standIn }) => standIn ?? inspection).filter(hasTokenizer);
  return {
    data: {
      file: asked.data ?? 'examples/comments.csv of this package',
      rows: texts.length,
      labels: labels.summary,
    },
    systems,
    tokenizers: present.flatMap((inspection) => tokenizerOf(inspection, texts)),
    overlaps: vocabularyOverlaps(present.map(({ name, folder }) => ({ name, vocabulary: surfaceVocabulary(folder) }))),
    detoxifiers: detoxifiers.map((run, at) => measureDetoxifier(run, evaluation?.systems[at] ?? null)),
    judged: evaluation === null ? null : { judges: evaluation.judges, rows: evaluation.rows },
    scorers: scorers.map((run) => measureScorer(run, labels.byRow)),
    agreements: measureAgreements(scorers),
    examples: pickExamples(detoxifiers),
    missing: [...idle, ...failed, ...unjudged],
    sql: all.length === 0 ? null : comparisonSql([...new Set(all.map(({ report }) => report.run))]),
  };
}

/** The texts that will be measured. @throws UsageError for a label column that is not there, before anything runs */
async function readTexts(
  file: string,
  {
    run,
    labelColumn: asked,
    emit,
  }: { readonly run: RunRequest; readonly labelColumn: string | undefined; readonly emit: OnEvent },
): Promise<{ readonly texts: string[]; readonly labelColumn: string | undefined; readonly own: OwnColumns }> {
  const onNote = (message: string): void => emit({ type: 'source-note', message });
  const { format, textColumn, idColumn, limit } = run;
  const dataset = await openDataset([file], { format, textColumn, idColumn, limit, ...dialectOf(run), onNote });
  try {
    const labelColumn = asked === undefined ? undefined : await dataset.requireColumn(asked, '--label-column');
    const texts: string[] = [];
    for await (const batch of dataset.read()) {
      for (const row of batch) if (!isRejected(row)) texts.push(row.text);
    }
    return { texts, labelColumn, own: { textColumn: dataset.textColumn, idColumn: dataset.idColumn } };
  } finally {
    dataset.close();
  }
}

interface Judged {
  readonly evaluation: Evaluation | null;
  /** Why it is null. */
  readonly unjudged: readonly string[];
}

/** STA, SIM, FL and J of the rewrites by the bundled judges; where one cannot be loaded, the other figures stay. */
async function judge(context: Context, { detoxifiers }: MeasuredAll): Promise<Judged> {
  if (detoxifiers.length === 0) return { evaluation: null, unjudged: [] };
  try {
    const judges = await openJudges({ ...JUDGES, precision: 'fp32' }, context.config.home, context.emit);
    const evaluation = await judgeRuns(context.database, detoxifiers, judges).finally(judges.close);
    return { evaluation, unjudged: evaluation === null ? ['SIM, FL and J were not measured: no row was toxic.'] : [] };
  } catch (error) {
    if (!(error instanceof CheckpointError || error instanceof UsageError)) throw error;
    return { evaluation: null, unjudged: [`SIM, FL and J were not measured: ${error.message}`] };
  }
}

/** What can be measured, and what cannot, with the reason. */
function findCandidates(systems: readonly ComparedSystem[]): { candidates: Candidate[]; idle: string[] } {
  const candidates: Candidate[] = [];
  const idle: string[] = [];
  for (const { name, inspection, standIn } of systems) {
    const { name: checkpoint, use } = standIn ?? inspection;
    const role = (['detoxifier', 'scorer'] as const).find((known) => use.roles.includes(known));
    const also = standIn === null ? '' : `, nor ${checkpoint} in its place`;
    const judges = `it judges ${use.roles.join(' and ')}, and neither rewrites nor scores`;
    const why = use.roles.length > 0 ? judges : use.advice.map(({ text }) => text).join('; ');
    if (role === undefined) idle.push(`${name} was not measured${also}: ${why}.`);
    else candidates.push({ checkpoint, standsFor: standIn === null ? null : name, role });
  }
  return { candidates, idle };
}

type OnDisk = Inspection & { readonly folder: string };

function hasTokenizer(inspection: Inspection): inspection is OnDisk {
  return inspection.folder !== null && inspection.tokenizer.file !== null;
}

function tokenizerOf({ name, folder, traits, tokenizer }: OnDisk, texts: readonly string[]): ComparedTokenizer[] {
  if (traits === null) return [];
  const { words, tokens } = countTokens(folder, traits.vocabulary, texts);
  if (words === 0) return [];
  const tokensPerWord = tokens / words;
  return [{ checkpoint: name, kind: tokenizer.kind ?? '', tokens: tokenizer.vocabulary ?? 0, tokensPerWord }];
}

/**
 * Judges what several runs made of the same rows, all on the same ones: those that some run found toxic.
 * @returns null where there is no such row
 */
async function judgeRuns(
  connection: Connection,
  runs: readonly MeasuredRun[],
  judges: Judges,
): Promise<Evaluation | null> {
  const systems = runs.map(({ checkpoint, report: { run } }) => ({
    name: checkpoint,
    rows: runRows(streamResults(connection, run), streamRowErrors(connection, run), () => []),
  }));
  const tally = { read: 0, leftOut: new Map<string, number>(), failedAsCopies: systems.map(() => 0) };
  const rows = joinSystems(systems, 'toxic', tally);
  const evaluation = await evaluateRows(rows, { systems: systems.map(({ name }) => name), judges });
  return evaluation.rows === 0 ? null : evaluation;
}
