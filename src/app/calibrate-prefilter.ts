import { UsageError } from '../contract/errors.ts';
import type { ModelIdentity } from '../contract/models.ts';
import type { RunSettings } from '../contract/settings.ts';
import { calibrate, smallestSample } from '../detox/calibration.ts';
import type { Dataset } from '../producer/dataset.ts';
import { sampleRows } from '../producer/sample-rows.ts';
import { formatCount } from '../util/format.ts';
import type { Context } from './context.ts';
import { judgeRows, type OpenEngines } from './engines.ts';

export interface PrefilterRequest {
  readonly dataset: Dataset;
  /** Of the run that is about to begin, still without a prefilter. */
  readonly settings: RunSettings;
  readonly prefilter: ModelIdentity;
  /** Share of all rows that may be toxic by the scorer and cleared, 0 to 1. */
  readonly maxMiss: number;
  readonly openEngines: OpenEngines;
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
  { dataset, settings, prefilter, maxMiss, openEngines }: PrefilterRequest,
): Promise<NonNullable<RunSettings['prefilter']>> {
  if (dataset.bytesTotal === null) {
    throw new UsageError('--prefilter reads the rows twice: give a file, not standard input or a pipe.');
  }
  const wanted = smallestSample(MISSES, maxMiss);
  context.emit({ type: 'calibrating-prefilter', prefilter: prefilter.name, rows: wanted });
  const { rows, total } = await sampleRows(dataset, wanted);
  if (rows.length < wanted) {
    throw new UsageError(
      `--prefilter: ${formatCount(rows.length)} rows are too few to show that at most ${100 * maxMiss} % are missed; ` +
        `that takes ${formatCount(wanted)}. Leave it out, or allow more with --prefilter-max-miss.`,
    );
  }
  if (total < WORTHWHILE * wanted) {
    context.emit({ type: 'prefilter-hardly-pays', rows: total });
  }
  // Engines that find nothing toxic score, and never rewrite.
  const scoring = { ...settings, threshold: ABOVE_ALL };
  const nothing = { maxMiss, missBound: 0, sampledRows: 0, clearedRows: 0, missedRows: 0 };
  const clearingAll = { ...scoring, prefilter: { ...nothing, scorer: prefilter, clearBelow: ABOVE_ALL } };
  const guessed = await judgeRows(context, openEngines, clearingAll, (verdicts) => verdicts(rows));
  // A row that it cannot read whole, or breaks on, is not cleared: nor is it in the run.
  const scores = guessed.map((verdict) => ('cleared' in verdict ? (verdict.toxicityBefore ?? 1) : 1));
  const clearance = await judgeRows(context, openEngines, scoring, (verdicts) =>
    calibrate(
      scores,
      async (places) => {
        const decided = await verdicts(places.flatMap((place) => rows[place] ?? []));
        return decided.map((verdict) => 'fault' in verdict || (verdict.toxicityBefore ?? 0) >= settings.threshold);
      },
      maxMiss,
    ),
  );
  const { sampledRows, clearedRows, missedRows } = clearance;
  context.emit({ type: 'prefilter-calibrated', sampledRows, clearedRows, missedRows });
  return { scorer: prefilter, maxMiss, ...clearance };
}
