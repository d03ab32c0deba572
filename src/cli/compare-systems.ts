import { join } from 'node:path';
import { packageRoot } from '../config.ts';
import { CheckpointError, UsageError } from '../contract/errors.ts';
import type { Inspection, Role } from '../contract/inspection.ts';
import { isRejected } from '../contract/row.ts';
import { countTokens, surfaceVocabulary } from '../engine/load.ts';
import { openDataset } from '../producer/dataset.ts';
import { comparisonSql, pickExamples } from '../report/compare-rows.ts';
import { agreement, type Labelled, readLabel, rocCurve, type ScoresByRow } from '../report/compare-scorers.ts';
import { vocabularyOverlaps } from '../report/compare-vocabularies.ts';
import type {
  ComparedSystem,
  ComparedTokenizer,
  Comparison,
  MeasuredDetoxifier,
  MeasuredScorer,
} from '../report/comparison.ts';
import { createMeasure, type Measured } from './compare-measure.ts';
import { WORK_ANSWER_TIMEOUT_MS, withContext } from './context.ts';
import { engineProcesses } from './engines.ts';
import type { RunOptions } from './options.ts';

export interface CompareOptions extends RunOptions {
  readonly data?: string;
  readonly labelColumn?: string;
  readonly processes?: number;
}

const DEFAULT_DATA = join(packageRoot, 'examples', 'comments.csv');
const DEFAULT_LIMIT = 200;

/** What is measured: a checkpoint on disk, and the system it stands in for. */
interface Candidate {
  readonly checkpoint: string;
  readonly standsFor: string | null;
  readonly roles: readonly Role[];
}

/** A checkpoint's run, or null where the user stopped it. */
type Ran = readonly [Candidate, Measured];

/** @returns null when the user stopped it */
export async function compareSystems(
  systems: readonly ComparedSystem[],
  options: CompareOptions,
): Promise<Comparison | null> {
  const file = options.data ?? DEFAULT_DATA;
  const limit = options.limit ?? DEFAULT_LIMIT;
  const data = await readTexts(file, limit, options);
  const present = systems.map(({ inspection, standIn }) => standIn ?? inspection).filter(hasFolder);
  const candidates = systems.map(
    ({ name, inspection, standIn }): Candidate => ({
      checkpoint: (standIn ?? inspection).name,
      standsFor: standIn === null ? null : name,
      roles: (standIn ?? inspection).use.roles,
    }),
  );
  const missing = missingNotes(systems);
  const detoxifiers: Ran[] = [];
  const scorers: Ran[] = [];
  const able = candidates.filter(({ roles }) => roles.includes('detoxifier') || roles.includes('scorer'));
  if (able.length > 0) {
    const ended = await withContext(
      { schema: 'apply', connections: 8, answerTimeoutMs: WORK_ANSWER_TIMEOUT_MS },
      async (context) => {
        const own = { ...options, limit };
        const measure = createMeasure(
          context,
          file,
          own,
          engineProcesses(options.processes),
          options.name ?? 'compare',
        );
        for (const [at, candidate] of able.entries()) {
          process.stderr.write(`${at + 1} of ${able.length}: ${candidate.checkpoint}\n`);
          const rewrites = candidate.roles.includes('detoxifier');
          const pair = rewrites ? [candidate.checkpoint, options.scorer] : [options.detoxifier, candidate.checkpoint];
          const [detoxifier = '', scorer = ''] = pair;
          try {
            const measured = await measure(detoxifier, scorer);
            if (measured === null) return false;
            (rewrites ? detoxifiers : scorers).push([candidate, measured]);
          } catch (error) {
            if (!(error instanceof CheckpointError)) throw error;
            missing.push(`${candidate.checkpoint} was not measured: ${error.message}`);
          }
        }
        return true;
      },
    );
    if (!ended) return null;
  }
  if (detoxifiers.length > 0)
    missing.push('SIM, FL and J were not measured: there is no judge of similarity and fluency here.');
  const labels = labelsOf([...detoxifiers, ...scorers], options.labelColumn);
  const runs = [...detoxifiers, ...scorers].map(([, { report }]) => report.run);
  return {
    data: { file: options.data ?? 'examples/comments.csv of this package', rows: data.length, labels: labels.summary },
    systems,
    tokenizers: present.flatMap((inspection) => tokenizerOf(inspection, data)),
    overlaps: vocabularyOverlaps(
      present.flatMap(({ name, folder }) => {
        const vocabulary = surfaceVocabulary(folder);
        return vocabulary === null ? [] : [{ name, vocabulary }];
      }),
    ),
    detoxifiers: detoxifiers.map(([candidate, measured]) => measuredDetoxifier(candidate, measured)),
    judged: null,
    scorers: scorers.map(([candidate, measured]) => measuredScorer(candidate, measured, labels.byRow)),
    agreements: agreementsOf(scorers),
    examples: pickExamples(detoxifiers.map(([{ checkpoint }, { results }]) => ({ checkpoint, results }))),
    missing,
    sql: runs.length === 0 ? null : comparisonSql([...new Set(runs)]),
  };
}

/** The texts that will be measured; @throws UsageError for a label column that is not there, before anything runs. */
async function readTexts(file: string, limit: number, options: CompareOptions): Promise<string[]> {
  const { format, textColumn, idColumn, labelColumn } = options;
  const dataset = await openDataset([file], { format, textColumn, idColumn, limit });
  try {
    if (labelColumn !== undefined && !dataset.columns.includes(labelColumn)) {
      throw new UsageError(`${file}: has no column ${JSON.stringify(labelColumn)} (--label-column).`);
    }
    const texts: string[] = [];
    for await (const batch of dataset.batches()) {
      for (const row of batch) if (!isRejected(row)) texts.push(row.text);
    }
    return texts;
  } finally {
    dataset.close();
  }
}

function hasFolder(inspection: Inspection): inspection is Inspection & { readonly folder: string } {
  return inspection.folder !== null;
}

function missingNotes(systems: readonly ComparedSystem[]): string[] {
  return systems.flatMap(({ name, inspection, standIn }) => {
    const measured = standIn ?? inspection;
    if (measured.use.roles.some((role) => role === 'detoxifier' || role === 'scorer')) return [];
    return [`${name} was not measured: ${measured.use.advice.join('; ')}.`];
  });
}

function tokenizerOf(
  inspection: Inspection & { readonly folder: string },
  texts: readonly string[],
): ComparedTokenizer[] {
  const { name, folder, traits, tokenizer } = inspection;
  const counts = traits === null ? null : countTokens(folder, traits.vocabulary, texts);
  if (counts === null || counts.words === 0) return [];
  const tokensPerWord = counts.tokens / counts.words;
  return [{ checkpoint: name, kind: tokenizer.kind ?? '', tokens: tokenizer.vocabulary ?? 0, tokensPerWord }];
}

function measuredDetoxifier({ checkpoint, standsFor }: Candidate, measured: Measured): MeasuredDetoxifier {
  const { report, memoryBytes, results } = measured;
  // Rejected and unchanged rows were written for, too.
  const written = results.filter(({ outcome }) => outcome !== 'clean').length;
  const ms = report.engineMs.rewrite;
  return {
    checkpoint,
    standsFor,
    run: report,
    rowsPerSecond: report.rowsPerSecond,
    memoryBytes,
    msPerRewrite: ms === undefined || written === 0 ? null : ms / written,
    quality: null,
  };
}

function measuredScorer(
  { checkpoint, standsFor }: Candidate,
  { report, memoryBytes, results }: Measured,
  labels: ReadonlyMap<number, boolean>,
): MeasuredScorer {
  const scores = scoresOf(results);
  const labelled: Labelled = [...scores].flatMap(([row, score]) => {
    const toxic = labels.get(row);
    return toxic === undefined ? [] : [{ score, toxic }];
  });
  const right = labelled.filter(({ score, toxic }) => score >= report.threshold === toxic).length;
  const curve = rocCurve(labelled);
  const toxic = [...scores.values()].filter((score) => score >= report.threshold).length;
  return {
    checkpoint,
    standsFor,
    run: report,
    rowsPerSecond: report.rowsPerSecond,
    memoryBytes,
    toxicShare: scores.size === 0 ? 0 : toxic / scores.size,
    auc: curve?.auc ?? null,
    curve: curve?.points ?? null,
    accuracy: labelled.length === 0 ? null : right / labelled.length,
  };
}

function scoresOf(results: Measured['results']): ScoresByRow {
  return new Map(
    results.flatMap(({ rowNo, toxicityBefore }) => (toxicityBefore === null ? [] : [[rowNo, toxicityBefore] as const])),
  );
}

function agreementsOf(scorers: readonly Ran[]): Comparison['agreements'] {
  return scorers.flatMap(([a, first], at) =>
    scorers.slice(at + 1).flatMap(([b, second]) => {
      const threshold = first.report.threshold;
      const sides = [a.checkpoint, scoresOf(first.results)] as const;
      const found = agreement(sides, [b.checkpoint, scoresOf(second.results)], threshold);
      return found === null ? [] : [found];
    }),
  );
}

/** Labels of the rows, from the columns that travelled with them. */
function labelsOf(
  ran: readonly Ran[],
  column: string | undefined,
): { readonly byRow: ReadonlyMap<number, boolean>; readonly summary: Comparison['data']['labels'] } {
  const byRow = new Map<number, boolean>();
  const [first] = ran;
  if (column === undefined || first === undefined) return { byRow, summary: null };
  for (const { rowNo, meta } of first[1].results) {
    const label = readLabel(meta?.[column]);
    if (label !== null) byRow.set(rowNo, label);
  }
  const toxic = [...byRow.values()].filter(Boolean).length;
  return { byRow, summary: { column, rows: byRow.size, toxic } };
}
