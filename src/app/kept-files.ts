import { isAbsolute } from 'node:path';
import type { Run, RunSource } from '../contract/run.ts';
import type { Kept } from '../report/index.ts';
import type { Connection } from '../store/database.ts';
import { readSources } from '../store/runs.ts';

/** The files that a run has read; standard input and rows of a program are not files. */
function sourcesOf({ id, source }: Run): Kept[] {
  const files = source.files.filter(({ path }) => isAbsolute(path));
  return files.map((file) => ({ path: file.path, what: `a source of run ${id}`, ...recordOf(file) }));
}

/** The datasets of other runs: a file that still is what one of them read is not replaced either. */
async function sourcesOfOthers(database: Connection, run: Run | null): Promise<Kept[]> {
  const sources = await readSources(database);
  return sources
    .filter(({ runId }) => runId !== run?.id)
    .map((source) => ({
      path: source.path,
      what: `a source of run ${source.runId}`,
      ...recordOf(source),
      byRecordAlone: true,
    }));
}

/** Files that an output must not replace: what the runs of the ledger have read, the given one first. */
export async function readByRuns(database: Connection, run: Run | null): Promise<Kept[]> {
  return [...(run === null ? [] : sourcesOf(run)), ...(await sourcesOfOthers(database, run))];
}

function recordOf({ sizeBytes, modifiedAt }: RunSource['files'][number]): Pick<Kept, 'recorded'> {
  return sizeBytes === null || modifiedAt === null ? {} : { recorded: { sizeBytes, modifiedAt } };
}
