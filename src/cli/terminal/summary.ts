import { basename } from 'node:path';
import type { ModelIdentity } from '../../contract/models.ts';
import type { RunReport } from '../../report/index.ts';
import { formatCount } from '../../util/format.ts';
import { guessedText } from './events.ts';
import { formatDuration, formatPercent, formatRate } from './format.ts';
import { visible } from './visible.ts';

const EXPLAINED: Readonly<Record<string, string>> = {
  clean: 'not toxic, left as they were',
  detoxified: 'were toxic, the rewrite is not',
  still_toxic: 'rewritten, and still toxic',
  unchanged: 'toxic, and the model changed nothing',
  rejected: 'the rewrite failed a check and was thrown away',
};

/** The report of a run for people. `wallMs` replaces the ledger's time where the caller measured the whole job. */
export function summaryText(report: RunReport, where: string): string {
  const files = report.files.map((file) => (file === '-' ? 'standard input' : visible(basename(file)))).join(', ');
  const lines = [
    `Run ${report.run}${report.name === null ? '' : `, named ${visible(report.name)},`} of ${files} is ${report.state}: ${formatCount(report.rowsDone)} of ${formatCount(report.rows)} rows` +
      (report.wallMs === null ? '' : ` in ${formatDuration(report.wallMs)}`) +
      (report.rowsPerSecond === null ? '' : ` (${formatRate(report.rowsPerSecond)})`),
    '',
    ...outcomeLines(report),
    '',
  ];
  if (report.toxicityBefore !== null && report.toxicityAfter !== null) {
    lines.push(
      `  toxicity    ${report.toxicityBefore.toFixed(3)} before, ${report.toxicityAfter.toFixed(3)} after` +
        ' (mean over the rewritten rows)',
    );
  }
  lines.push(
    ...columnLines(report),
    `  scorer      ${modelText(report.models.scorer)}, toxic from ${report.threshold} on`,
    ...thresholdLines(report),
    ...prefilterLines(report),
    `  detoxifier  ${modelText(report.models.detoxifier)}${choice(report)}`,
    ...staticLines(report),
    `  results     ${where}`,
  );
  return lines.join('\n');
}

function columnLines({ textColumn, textColumnGuessedFrom, idColumn, idColumnGuessed }: RunReport): string[] {
  if (textColumn === null) return [];
  const guessed = textColumnGuessedFrom === null ? '' : ` (${guessedText(textColumnGuessedFrom)})`;
  const id = idColumn === null ? '' : `, id: ${visible(idColumn)}${idColumnGuessed ? ' (found by its name)' : ''}`;
  return [`  columns     text: ${visible(textColumn)}${guessed}${id}`];
}

function choice({ generation }: RunReport): string {
  const candidates = generation.num_return_sequences;
  return typeof candidates === 'number' && candidates > 1 ? `, best of ${candidates} candidates` : '';
}

function outcomeLines(report: RunReport): string[] {
  const rows = Object.entries(report.outcomes).map(([outcome, count]) => ({
    label: outcome,
    count,
    note: EXPLAINED[outcome] ?? '',
  }));
  if (report.rowErrors > 0) {
    const codes = Object.entries(report.rowErrorsByCode).map(([code, count]) => `${formatCount(count)} ${code}`);
    rows.push({ label: 'row errors', count: report.rowErrors, note: codes.join(', ') });
  }
  const width = Math.max(...rows.map((row) => formatCount(row.count).length));
  return rows.map(
    (row) =>
      `  ${row.label.padEnd(11)} ${formatCount(row.count).padStart(width)}  ${formatPercent(row.count, report.rowsDone).padStart(7)}  ${row.note}`,
  );
}

/** A threshold above every score finds nothing, whatever the rows are. */
function thresholdLines({ highestToxicity, threshold }: RunReport): string[] {
  if (highestToxicity === null) return [];
  return [
    `  warning     no row reached the threshold ${threshold}: the highest toxicity is ${highestToxicity.toFixed(3)}.`,
    '              If rows are toxic all the same, run again with a lower --threshold.',
  ];
}

function prefilterLines({ prefilter }: RunReport): string[] {
  if (prefilter === null) return [];
  const { sampledRows, clearedRows, missedRows, missBound } = prefilter;
  return [
    `  prefilter   ${modelText(prefilter.scorer)}, cleared below ${prefilter.clearBelow.toPrecision(3)}`,
    `              of ${formatCount(sampledRows)} sampled rows it clears ${formatPercent(clearedRows, sampledRows)}, ` +
      `${formatCount(missedRows)} of them toxic by the scorer;`,
    `              with 95 % confidence it misses at most ${(100 * missBound).toPrecision(2)} % of all rows`,
  ];
}

function staticLines({ staticScales }: RunReport): string[] {
  if (staticScales === null) return [];
  const { checkedRows, movedLabels, labelBound, words, movedWords } = staticScales;
  return [
    `  int8-static of ${formatCount(checkedRows)} sampled rows ${formatCount(movedLabels)} change their label against int8 ` +
      `(with 95 % confidence at most ${(100 * labelBound).toPrecision(2)} % of all rows),`,
    `              and ${formatCount(movedWords)} of ${formatCount(words)} words in rewrites are others`,
  ];
}

function modelText(model: ModelIdentity): string {
  return `${model.name} (${model.architecture}, ${model.precision}, sha256 ${model.digest.slice(0, 12)})`;
}
