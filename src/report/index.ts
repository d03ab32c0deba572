export type { ComparedSystem, ComparedTokenizer, Comparison } from './comparison/comparison.ts';
export { compareDocument } from './comparison/document.ts';
export {
  type MeasuredRun,
  measureAgreements,
  measureDetoxifier,
  measureScorer,
  readLabels,
} from './comparison/measures.ts';
export { comparisonSql, pickExamples } from './comparison/rows.ts';
export { vocabularyOverlaps } from './comparison/vocabularies.ts';
export type { Block, Document, Table } from './document/document.ts';
export { documentHtml } from './document/html.ts';
export { documentMarkdown } from './document/markdown.ts';
export { type Evaluation, evaluateRows } from './evaluation/evaluation.ts';
export type { JudgeForm, Judges } from './evaluation/judges.ts';
export { countsTable, describeJudges, describeRows, evaluationMarkdown, figuresTable } from './evaluation/markdown.ts';
export { type EvaluatedSystem, type EvaluationReport, reportEvaluation } from './evaluation/report.ts';
export { type ReadReferences, referenceReader, runRows } from './evaluation/run-rows.ts';
export { scoreLines } from './evaluation/score-lines.ts';
export type { RowScores } from './evaluation/score-rows.ts';
export { joinSystems, type RowTally, type SystemInput, type SystemRow } from './evaluation/system-rows.ts';
export { type ExportRow, exportFormat, exportToFile, mergeByRow } from './export.ts';
export { checkOutput, isWithin, type Kept } from './output-place.ts';
export { type RunReport, reportRun } from './summary.ts';
export { findTrouble, seconds, type Trouble, unableWorkers } from './trouble.ts';
export { writeWholeFile } from './whole-file.ts';
