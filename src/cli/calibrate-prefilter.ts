import { join } from 'node:path';
import { packageRoot } from '../config.ts';
import { UsageError } from '../contract/errors.ts';
import type { ModelIdentity, Score } from '../contract/models.ts';
import type { RunSettings } from '../contract/settings.ts';
import { createAnswers } from '../detox/answers.ts';
import { calibrate, smallestSample } from '../detox/calibration.ts';
import { createReader, fitsWindow, type Reading, toxicityOf } from '../detox/reading.ts';
import { findCheckpoint } from '../engine/catalog.ts';
import { type LoadedScorer, loadScorer } from '../engine/load.ts';
import type { Dataset } from '../producer/dataset.ts';
import { sampleRows } from '../producer/sample-rows.ts';
import type { Context } from './context.ts';
import { formatCount, formatPercent } from './format.ts';

export interface PrefilterRequest {
  readonly dataset: Dataset;
  readonly scorer: ModelIdentity;
  readonly prefilter: ModelIdentity;
  readonly threshold: number;
  /** Share of all rows that may be toxic by the scorer and cleared, 0 to 1. */
  readonly maxMiss: number;
}

/** Misses that the sample can bear: with one, its most unusual row does not decide alone. */
const MISSES = 1;

/**
 * Lets both scorers judge a sample of the run's own rows, and finds what the prefilter may clear. Inference runs in this
 * process: nothing is on the queue yet.
 *
 * @throws UsageError when the rows can be read once only, or are too few to show what is asked
 */
export async function calibratePrefilter(
  context: Context,
  { dataset, scorer, prefilter, threshold, maxMiss }: PrefilterRequest,
): Promise<NonNullable<RunSettings['prefilter']>> {
  if (dataset.bytesTotal === null) {
    throw new UsageError('--prefilter reads the rows twice: give a file, not standard input or a pipe.');
  }
  const wanted = smallestSample(MISSES, maxMiss);
  process.stderr.write(`Calibrating the prefilter ${prefilter.name} on ${formatCount(wanted)} rows of the run.\n`);
  const rows = await sampleRows(dataset, wanted);
  if (rows.length < wanted) {
    throw new UsageError(
      `--prefilter: ${formatCount(rows.length)} rows are too few to show that at most ${100 * maxMiss} % are missed; ` +
        `that takes ${formatCount(wanted)}. Leave it out, or allow more with --prefilter-max-miss.`,
    );
  }
  const large = await load(context, scorer);
  const small = await load(context, prefilter);
  try {
    // A run cuts what the detoxifier's window does not hold further; sentences of more than 30 tokens are cut in both.
    const read = createReader(large, small);
    const readings = rows.map(({ text }) => read(text));
    const decided = await toxicities(large, readings);
    // The prefilter decides nothing about rows that its window does not hold, as in a run.
    const readable = readings.map(({ forms }) => forms.every((form) => fitsWindow(form, small)));
    const guessed = await toxicities(
      small,
      readings.map((reading, at) => (readable[at] ? reading : { ...reading, forms: [] })),
    );
    const sample = readings.map((_, at) => ({
      prefilter: readable[at] ? (guessed[at] ?? 1) : 1,
      isToxic: (decided[at] ?? 1) >= threshold,
    }));
    const clearance = calibrate(sample, maxMiss);
    process.stderr.write(
      `It clears ${formatPercent(clearance.clearedRows, clearance.sampledRows)} of them; ` +
        `${formatCount(clearance.missedRows)} of ${formatCount(clearance.toxicRows)} toxic ones among those.\n`,
    );
    return { scorer: prefilter, maxMiss, ...clearance };
  } finally {
    await large.close();
    await small.close();
  }
}

function load(context: Context, { name, precision }: ModelIdentity): Promise<LoadedScorer> {
  const { home } = context.config;
  return loadScorer({ ...findCheckpoint(name, packageRoot, home), precision, cacheFolder: join(home, 'compiled') });
}

async function toxicities(scorer: LoadedScorer, readings: readonly Reading[]): Promise<number[]> {
  const answers = createAnswers<Score>((forms) => scorer.score(forms));
  await answers.ask(readings.flatMap(({ forms }) => forms));
  return readings.map((reading) => toxicityOf(reading, answers.of));
}
