import { packageRoot, readConfig } from '../../config.ts';
import { bundledFolders, modelsFolder } from '../../engine/index.ts';
import { checkOutput, exportFormat, type Kept } from '../../report/index.ts';

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
