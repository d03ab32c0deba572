import { CheckpointError, UsageError } from '../contract/errors.ts';
import type { RowResult } from '../contract/outcome.ts';
import type { RunProgress } from '../contract/run.ts';
import { type MeasuredRun, reportRun } from '../report/index.ts';
import { readSummary } from '../store/progress.ts';
import { streamResults } from '../store/results.ts';
import type { Context } from './context.ts';
import type { EnginePlace } from './engines.ts';
import { doJob } from './job.ts';
import { prepareRun } from './new-run.ts';
import { RUN_DEFAULTS, type RunRequest } from './run-request.ts';

/** A checkpoint to be measured. */
export interface Candidate {
  readonly checkpoint: string;
  /** The system it stands in for. */
  readonly standsFor: string | null;
  readonly role: 'detoxifier' | 'scorer';
}

export interface MeasureRequest {
  readonly candidates: readonly Candidate[];
  readonly file: string;
  /** `detoxifier` and `scorer` are the partners of what is measured; names of the runs start with `name`. */
  readonly run: RunRequest;
  readonly place: EnginePlace;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: RunProgress) => void;
}

export interface MeasuredAll {
  readonly detoxifiers: readonly MeasuredRun[];
  readonly scorers: readonly MeasuredRun[];
  /** Candidates that could not be measured, and why. */
  readonly failed: readonly string[];
}

/**
 * Runs every candidate over the rows of a file, as ordinary runs; a pair of models that ran already is not run again.
 * @returns null when the signal stopped it: the runs that were done stay
 * @throws the first error when none of them could be run
 */
export async function measureAll(context: Context, request: MeasureRequest): Promise<MeasuredAll | null> {
  const { candidates, run: asked } = request;
  const runs: Record<Candidate['role'], MeasuredRun[]> = { detoxifier: [], scorer: [] };
  const done = new Map<string, RunOf>();
  const failed: string[] = [];
  let first: unknown;
  for (const [at, { checkpoint, standsFor, role }] of candidates.entries()) {
    context.emit({ type: 'comparing', checkpoint, number: at + 1, of: candidates.length });
    const { detoxifier = RUN_DEFAULTS.detoxifier, scorer = RUN_DEFAULTS.scorer } = asked;
    const pair = { detoxifier, scorer, [role]: checkpoint };
    const key = JSON.stringify([pair.detoxifier, pair.scorer]);
    try {
      const run = done.get(key) ?? (await runPair(context, request, pair));
      if (run === null) return null;
      done.set(key, run);
      runs[role].push({ checkpoint, standsFor, ...run });
    } catch (error) {
      // Options may fit one model and not another.
      if (!(error instanceof CheckpointError || error instanceof UsageError)) throw error;
      first ??= error;
      failed.push(`${checkpoint} was not measured: ${error.message}`);
    }
  }
  if (failed.length > 0 && done.size === 0) throw first;
  return { detoxifiers: runs.detoxifier, scorers: runs.scorer, failed };
}

type RunOf = Omit<MeasuredRun, 'checkpoint' | 'standsFor'>;

async function runPair(
  context: Context,
  { file, run: asked, place, signal, onProgress }: MeasureRequest,
  pair: { readonly detoxifier: string; readonly scorer: string },
): Promise<RunOf | null> {
  const name = `${asked.name ?? 'compare'}: ${pair.detoxifier}, ${pair.scorer}`;
  const { create, ...prepared } = await prepareRun(context, [file], { ...asked, ...pair, name }, place);
  let memoryBytes = 0;
  const onMemory = (peakBytes: number): void => {
    memoryBytes = Math.max(memoryBytes, peakBytes);
  };
  const { run, ended } = await doJob(context, { ...prepared, begin: create, place, signal, onProgress, onMemory });
  if (!ended) return null;
  const results: RowResult[] = [];
  for await (const result of streamResults(context.database, run.id)) results.push(result);
  const report = reportRun(run, await readSummary(context.database, run.id));
  return { report, results, memoryBytes: memoryBytes === 0 ? null : memoryBytes };
}
