import { realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CheckpointError } from '../contract/errors.ts';
import { isWithin } from '../report/index.ts';

/**
 * Refuses a checkpoint folder that lies in none of the folders a worker may open checkpoints from. Links count by what
 * they lead to.
 *
 * The settings of a run are written by whoever may enqueue, on another machine perhaps; the files of this one are not
 * theirs to look through.
 *
 * @param name as a run's settings have it
 * @param allowed absolute paths
 * @throws CheckpointError that says what to do; it does not tell whether the folder exists
 */
export function requireAllowedFolder(name: string, allowed: readonly string[]): void {
  const folder = whereItLeads(resolve(name));
  if (allowed.some((root) => isWithin(whereItLeads(root), folder))) return;
  throw new CheckpointError(
    `The run names the checkpoint folder ${resolve(name)}, which a worker opens only where it is told to: ` +
      `start it with DETOXQ_CHECKPOINTS=${dirname(resolve(name))}, or in a folder above`,
  );
}

function whereItLeads(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
