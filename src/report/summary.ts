import { shownSettings } from '../contract/features.ts';
import type { GenerationOverrides } from '../contract/generation.ts';
import { OUTCOMES } from '../contract/outcome.ts';
import type { JsonObject, JsonValue } from '../contract/row.ts';
import type { Run } from '../contract/run.ts';
import { generationOf, type RunSettings } from '../contract/settings.ts';
import type { RunSummary } from '../store/progress.ts';

/** What a run came to, as `--json` prints it. Times in milliseconds, toxicity as mean probabilities, 0 to 1. */
export interface RunReport {
  readonly run: string;
  readonly name: string | null;
  readonly state: Run['state'];
  readonly files: readonly string[];
  /** Null for lines of text and bare JSON strings. */
  readonly textColumn: string | null;
  /** Columns that it was guessed from; null where it was named. */
  readonly textColumnGuessedFrom: number | null;
  /** Null where rows have no key. */
  readonly idColumn: string | null;
  /** Found by its name, and not asked for. */
  readonly idColumnGuessed: boolean;
  readonly rows: number;
  /** Rows with an outcome or an error so far. */
  readonly rowsDone: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly rowErrors: number;
  readonly rowErrorsByCode: Readonly<Record<string, number>>;
  /** Mean over the rewritten rows; null without such a row. */
  readonly toxicityBefore: number | null;
  readonly toxicityAfter: number | null;
  /** Where no row was toxic: the highest probability of the toxic label, for the threshold may be above all that the scorer says. */
  readonly highestToxicity: number | null;
  /** From the first claim of a chunk to the last completion; null before them. */
  readonly wallMs: number | null;
  readonly rowsPerSecond: number | null;
  /** Summed over engine processes. */
  readonly engineMs: Readonly<Record<string, number>>;
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly models: { readonly detoxifier: RunSettings['detoxifier']; readonly scorer: RunSettings['scorer'] };
  readonly threshold: number;
  /** Options of the detoxifier's generation, under their Hugging Face names, that differ from the checkpoint's own. */
  readonly generation: GenerationOverrides;
  /** Null for a run without a prefilter. */
  readonly prefilter: NonNullable<RunSettings['prefilter']> | null;
  /** How labels and rewrites move against int8; null where models do not run in int8-static. */
  readonly staticScales: Omit<NonNullable<RunSettings['staticScales']>, 'scales'> | null;
}

export function reportRun(run: Run, summary: RunSummary): RunReport {
  const { progress, startedAt, finishedAt } = summary;
  const settings = shownSettings(run);
  const wallMs = startedAt === null || finishedAt === null ? null : finishedAt.getTime() - startedAt.getTime();
  return {
    run: run.id,
    name: run.name,
    state: progress.state,
    files: run.source.files.map((file) => file.path),
    ...columnsOf(run.source.options),
    rows: progress.rowsTotal ?? progress.rowsEnqueued,
    rowsDone: progress.rowsDone,
    outcomes: Object.fromEntries(OUTCOMES.map((outcome) => [outcome, progress.outcomes[outcome]])),
    rowErrors: progress.rowErrors,
    rowErrorsByCode: summary.rowErrorsByCode,
    toxicityBefore: summary.meanToxicityBefore,
    toxicityAfter: summary.meanToxicityAfter,
    highestToxicity: summary.highestToxicity,
    wallMs,
    rowsPerSecond: wallMs === null || wallMs === 0 ? null : (progress.rowsDone * 1000) / wallMs,
    engineMs: summary.timingsMs,
    tokensIn: summary.tokensIn,
    tokensOut: summary.tokensOut,
    models: { detoxifier: settings.detoxifier, scorer: settings.scorer },
    threshold: settings.threshold,
    generation: generationOf(settings),
    prefilter: settings.prefilter ?? null,
    staticScales: withoutScales(settings.staticScales),
  };
}

function columnsOf({
  textColumn,
  textColumnGuessedFrom: from,
  idColumn: asked,
  idColumnFound: found,
}: JsonObject): Pick<RunReport, 'textColumn' | 'textColumnGuessedFrom' | 'idColumn' | 'idColumnGuessed'> {
  const name = (value: JsonValue | undefined): string | null => (typeof value === 'string' ? value : null);
  return {
    textColumn: name(textColumn),
    textColumnGuessedFrom: typeof from === 'number' ? from : null,
    idColumn: name(asked) ?? name(found),
    idColumnGuessed: name(asked) === null && name(found) !== null,
  };
}

function withoutScales(settings: RunSettings['staticScales']): RunReport['staticScales'] {
  if (settings === undefined) return null;
  const { scales: _, ...moved } = settings;
  return moved;
}
