import type { Device } from '../contract/device.ts';
import { UsageError } from '../contract/errors.ts';
import type { ModelIdentity } from '../contract/models.ts';
import type { SourceRow } from '../contract/row.ts';
import type { RunSettings } from '../contract/settings.ts';
import { smallestSample } from '../detox/calibration.ts';
import { compareResults, type Judged, type Moved } from '../detox/moved.ts';
import { measureScales } from '../engine/index.ts';
import type { Dataset } from '../producer/dataset.ts';
import { sampleRows } from '../producer/sample-rows.ts';
import { formatCount } from '../util/format.ts';
import type { FindCheckpoint } from './checkpoints.ts';
import type { Context } from './context.ts';
import { engineOptions, judgeRows, type OpenEngines } from './engines.ts';

export interface ScalesRequest {
  readonly dataset: Dataset;
  /** Of the run that is about to begin, its models in int8-static, still without scales. */
  readonly settings: RunSettings;
  /** Its prefilter, which is calibrated after this. */
  readonly prefilter: ModelIdentity | null;
  /** Share of the labels, and of the words of rewrites, that may be others than in int8, 0 to 1. */
  readonly maxMoved: number;
  readonly device: Device;
  readonly find: FindCheckpoint;
  readonly openEngines: OpenEngines;
}

/** 32, 128, 512 and 2,048 rows give scales of the same quality (docs/decisions/engine-static-scales.md). */
const MEASURED_ROWS = 64;
/** Labels that may move in the sample: with fewer, chance would refuse what is good enough. */
const MOVES = 5;
/** Fewer rewrites say nothing about words. */
const FEWEST_REWRITES = 16;
/** Where few rows are toxic, so many times as many are looked at for the sake of the rewrites. */
const MOST_DRAWS = 4;

/**
 * Measures scales on a sample of the run's own rows, and compares what they make of other rows of it with int8.
 *
 * @throws UsageError when too much moves, when the rows can be read once only, or are too few to show it
 */
export async function calibrateScales(
  context: Context,
  { dataset, settings, prefilter, maxMoved, device, find, openEngines }: ScalesRequest,
): Promise<NonNullable<RunSettings['staticScales']>> {
  if (dataset.bytesTotal === null) {
    throw new UsageError('int8-static reads the rows twice: give a file, not standard input or a pipe.');
  }
  const checked = smallestSample(MOVES, maxMoved);
  context.emit({ type: 'calibrating-scales', measuredRows: MEASURED_ROWS, checkedRows: checked });
  const { rows } = await sampleRows(dataset, MEASURED_ROWS + MOST_DRAWS * checked);
  if (rows.length < MEASURED_ROWS + checked) {
    throw new UsageError(
      `--precision int8-static: ${formatCount(rows.length)} rows are too few to show that at most ${percent(maxMoved)} move; ` +
        `that takes ${formatCount(MEASURED_ROWS + checked)}. Take int8, or allow more with --static-max-moved.`,
    );
  }
  const int8: RunSettings = { ...settings, scorer: inInt8(settings.scorer), detoxifier: inInt8(settings.detoxifier) };
  const measured = rows.slice(0, MEASURED_ROWS);
  const { cacheFolder } = context.checkpoints;
  const options = engineOptions(int8, { device, find, cacheFolder });
  // The run's prefilter is calibrated after this; its scales are measured now.
  const toxicLabels = settings.toxicLabels?.prefilter;
  const small = prefilter && { ...find(prefilter), toxicLabels, clearBelow: 0 };
  const scales = await measureScales(small === null ? options : { ...options, prefilter: small }, measured);
  const parts = Array.from({ length: MOST_DRAWS }, (_, i) =>
    rows.slice(MEASURED_ROWS + i * checked, MEASURED_ROWS + (i + 1) * checked),
  );
  const exact = await judgeParts(context, openEngines, int8, parts, FEWEST_REWRITES);
  const unproven = { scales, maxMoved, measuredRows: measured.length, ...NOTHING_MOVED };
  const looked = parts.slice(0, exact.length);
  const fast = await judgeParts(context, openEngines, { ...settings, staticScales: unproven }, looked, null);
  const moved = compareResults(exact.flat(), fast.flat(), settings.threshold);
  requireFew(moved, maxMoved);
  context.emit({ type: 'scales-calibrated', moved });
  return { ...unproven, ...moved };
}

const NOTHING_MOVED: Moved = {
  checkedRows: 0,
  movedLabels: 0,
  labelBound: 0,
  rewrittenRows: 0,
  words: 0,
  movedWords: 0,
};

function inInt8(model: ModelIdentity): ModelIdentity {
  return { ...model, precision: 'int8' };
}

/**
 * What engines make of rows, part by part.
 *
 * @param enough rewrites after which no further part is looked at; null looks at all
 */
async function judgeParts(
  context: Context,
  openEngines: OpenEngines,
  settings: RunSettings,
  parts: readonly (readonly SourceRow[])[],
  enough: number | null,
): Promise<readonly (readonly Judged[])[]> {
  return judgeRows(context, openEngines, settings, async (verdicts) => {
    const judged: Judged[][] = [];
    let rewrites = 0;
    for (const rows of parts) {
      const part = (await verdicts(rows)).map((verdict) => ('fault' in verdict ? null : verdict));
      judged.push(part);
      rewrites += part.filter((row) => row !== null && row.detoxified !== null).length;
      if (enough !== null && rewrites >= enough) break;
    }
    return judged;
  });
}

/** @throws UsageError that says what moved, and what to do */
function requireFew(moved: Moved, maxMoved: number): void {
  const { rewrittenRows, words, movedWords, labelBound } = moved;
  if (rewrittenRows < FEWEST_REWRITES) {
    throw new UsageError(
      `--precision int8-static: of ${formatCount(moved.checkedRows)} rows only ${formatCount(rewrittenRows)} were rewritten, ` +
        'too few to show what it does to rewrites. Take int8.',
    );
  }
  if (labelBound <= maxMoved && movedWords <= maxMoved * words) return;
  throw new UsageError(
    `--precision int8-static is refused, since more moves than ${percent(maxMoved)}. ${movedText(moved)} ` +
      'Take int8, or allow more with --static-max-moved.',
  );
}

/** How labels and words moved against int8, in sentences. */
export function movedText({ checkedRows, movedLabels, labelBound, rewrittenRows, words, movedWords }: Moved): string {
  return (
    `Of ${formatCount(checkedRows)} rows ${formatCount(movedLabels)} change their label against int8 ` +
    `(with 95 % confidence at most ${percent(labelBound)} of all rows do), and ${formatCount(movedWords)} of ` +
    `${formatCount(words)} words in ${formatCount(rewrittenRows)} rewrites are others (${percent(movedWords / Math.max(1, words))}).`
  );
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}
