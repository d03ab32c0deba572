import { packageRoot, readConfig } from '../../config.ts';
import type { Run, RunSource } from '../../contract/run.ts';
import { bundledFolders, modelsFolder } from '../../engine/index.ts';
import { checkOutput, exportFormat, type Kept } from '../../report/index.ts';
import type { Connection } from '../../store/database.ts';
import { readSources } from '../../store/runs.ts';

/** An option that would have no effect. */
export const DETACHED_OUT =
  '--out does not go with --detach, which ends before there is anything to export: use detoxq export.';

/** Files that a command is given to read. */
export function filesRead(files: readonly string[]): Kept[] {
  return files.map((path) => ({ path, what: 'a file that is read' }));
}

/** Checkpoints that a command may read: those of this machine, and folders that it names. */
export function checkpointsRead(names: readonly (string | undefined)[]): Kept[] {
  const folders = [...bundledFolders(packageRoot), modelsFolder(readConfig().home)];
  return [...folders, ...names.filter((name) => name !== undefined)].map((path) => ({
    path,
    what: 'a file of a checkpoint',
  }));
}

/** The dataset of a run. */
function sourcesOf({ id, source }: Run): Kept[] {
  // Standard input of an earlier command is another one than the standard input of this one.
  const files = source.files.filter(({ path }) => path !== '-');
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

/** What the runs of the ledger have read, the given one first. */
export async function readByRuns(database: Connection, run: Run | null): Promise<Kept[]> {
  return [...(run === null ? [] : sourcesOf(run)), ...(await sourcesOfOthers(database, run))];
}

function recordOf({ sizeBytes, modifiedAt }: RunSource['files'][number]): Pick<Kept, 'recorded'> {
  return sizeBytes === null || modifiedAt === null ? {} : { recorded: { sizeBytes, modifiedAt } };
}

/** What a new run reads. */
export function readByRun(
  files: readonly string[],
  options: {
    readonly badWords?: string;
    readonly detoxifier: string;
    readonly scorer: string;
    readonly prefilter?: string;
  },
): Kept[] {
  const { badWords, detoxifier, scorer, prefilter } = options;
  return [
    ...filesRead(badWords === undefined ? files : [...files, badWords]),
    ...checkpointsRead([detoxifier, scorer, prefilter]),
  ];
}

/** Refuses a place for an export before any work is done for it. @throws UsageError */
export async function checkExport(out: string | undefined, kept: readonly Kept[]): Promise<void> {
  if (out === undefined) return;
  await checkOutput('--out', out, kept);
  exportFormat(out);
}
