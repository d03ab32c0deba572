import type { RowResult } from '../contract/outcome.ts';
import { type RunReport, reportRun } from '../report/summary.ts';
import { readSummary } from '../store/progress.ts';
import { streamResults } from '../store/results.ts';
import type { Context } from './context.ts';
import { doJob } from './job.ts';
import { prepareRun } from './new-run.ts';
import type { RunOptions } from './options.ts';

/** A pair of models that ran over the data, as an ordinary run. */
export interface Measured {
  readonly report: RunReport;
  readonly results: readonly RowResult[];
  /** Largest resident memory of an engine process after a group of rows, in bytes; null where there was no row. */
  readonly memoryBytes: number | null;
}

/**
 * Runs pairs of detoxifier and scorer over the same rows; a pair that ran already is not run again.
 *
 * @param name of the runs: `name: detoxifier, scorer`
 */
export function createMeasure(context: Context, file: string, options: RunOptions, processes: number, name: string) {
  const done = new Map<string, Promise<Measured | null>>();

  async function run(detoxifier: string, scorer: string): Promise<Measured | null> {
    let memoryBytes = 0;
    const own = { ...options, detoxifier, scorer, name: `${name}: ${detoxifier}, ${scorer}` };
    const { dataset, settings, create } = await prepareRun(context, [file], own);
    const { run: begun, ended } = await doJob(context, {
      settings,
      begin: create,
      dataset,
      processes,
      onMemory: (rssBytes) => {
        memoryBytes = Math.max(memoryBytes, rssBytes);
      },
    });
    if (!ended) return null;
    const results: RowResult[] = [];
    for await (const result of streamResults(context.database, begun.id)) results.push(result);
    const report = reportRun(begun, await readSummary(context.database, begun.id));
    return { report, results, memoryBytes: memoryBytes === 0 ? null : memoryBytes };
  }

  /** Null when the user stopped it. @throws CheckpointError for a checkpoint that cannot run */
  return (detoxifier: string, scorer: string): Promise<Measured | null> => {
    const key = JSON.stringify([detoxifier, scorer]);
    const known = done.get(key) ?? run(detoxifier, scorer);
    done.set(key, known);
    return known;
  };
}
