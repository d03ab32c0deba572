import { formatCount, formatPercent } from '../cli/terminal/format.ts';
import { UsageError } from '../contract/errors.ts';
import type { ModelIdentity } from '../contract/models.ts';
import type { RunSettings } from '../contract/settings.ts';
import { calibrate, smallestSample } from '../detox/calibration.ts';
import type { Dataset } from '../producer/dataset.ts';
import { sampleRows } from '../producer/sample-rows.ts';
import type { Context } from './context.ts';
import type { EnginePlace } from './engines.ts';
import { judgeRows } from './judge-rows.ts';

export interface PrefilterRequest {
  readonly dataset: Dataset;
  /** Of the run that is about to begin, still without a prefilter. */
  readonly settings: RunSettings;
  readonly prefilter: ModelIdentity;
  /** Share of all rows that may be toxic by the scorer and cleared, 0 to 1. */
  readonly maxMiss: number;
  readonly place: EnginePlace;
}

/** Misses that the sample can bear: with one, its most unusual row does not decide alone. */
const MISSES = 1;
/** Rows for each one of the sample from which on a prefilter saves more than it costs (docs/decisions/whole-job.md). */
const WORTHWHILE = 1.7;
/** No probability reaches it: everything is cleared, or nothing is toxic. */
const ABOVE_ALL = 2;

/**
 * Lets both scorers judge a sample of the run's own rows, in engine processes as the run's own, and finds what the
 * prefilter may clear.
 *
 * @throws UsageError when the rows can be read once only, or are too few to show what is asked
 */
export async function calibratePrefilter(
  context: Context,
  { dataset, settings, prefilter, maxMiss, place }: PrefilterRequest,
): Promise<NonNullable<RunSettings['prefilter']>> {
  if (dataset.bytesTotal === null) {
    throw new UsageError('--prefilter reads the rows twice: give a file, not standard input or a pipe.');
  }
  const wanted = smallestSample(MISSES, maxMiss);
  process.stderr.write(`Calibrating the prefilter ${prefilter.name} on ${formatCount(wanted)} rows of the run.\n`);
  const { rows, total } = await sampleRows(dataset, wanted);
  if (rows.length < wanted) {
    throw new UsageError(
      `--prefilter: ${formatCount(rows.length)} rows are too few to show that at most ${100 * maxMiss} % are missed; ` +
        `that takes ${formatCount(wanted)}. Leave it out, or allow more with --prefilter-max-miss.`,
    );
  }
  if (total < WORTHWHILE * wanted) {
    process.stderr.write(
      `The run has only ${formatCount(total)} rows: calibrating takes about as long as the prefilter can save.\n`,
    );
  }
  // Engines that find nothing toxic score, and never rewrite.
  const scoring = { ...settings, threshold: ABOVE_ALL };
  const nothing = { maxMiss, missBound: 0, sampledRows: 0, clearedRows: 0, missedRows: 0 };
  const clearingAll = { ...scoring, prefilter: { ...nothing, scorer: prefilter, clearBelow: ABOVE_ALL } };
  const guessed = await judgeRows(context, clearingAll, place, (verdicts) => verdicts(rows));
  // A row that it cannot read whole, or breaks on, is not cleared: nor is it in the run.
  const scores = guessed.map((verdict) => ('cleared' in verdict ? (verdict.toxicityBefore ?? 1) : 1));
  const clearance = await judgeRows(context, scoring, place, (verdicts) =>
    calibrate(
      scores,
      async (places) => {
        const decided = await verdicts(places.flatMap((place) => rows[place] ?? []));
        return decided.map((verdict) => 'fault' in verdict || (verdict.toxicityBefore ?? 0) >= settings.threshold);
      },
      maxMiss,
    ),
  );
  process.stderr.write(
    `It clears ${formatPercent(clearance.clearedRows, clearance.sampledRows)} of them; ` +
      `${formatCount(clearance.missedRows)} of those are toxic by the scorer.\n`,
  );
  return { scorer: prefilter, maxMiss, ...clearance };
}
